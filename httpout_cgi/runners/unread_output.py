"""The output of a run that nobody has read yet, and those who wait until somebody has.

Threads of a script, and on the loop coroutines of a page, are not to be far ahead of
their reader.  Must not know what a run is.
"""

import asyncio
from threading import Event

# One full pipe on Linux: what a script may be ahead of its reader.
UNREAD_LIMIT = 65_536


class UnreadOutput:
    """Output on its way from the threads to the loop.

    Each field is written by the threads of a script, or by the loop.
    """

    # Written by threads.  Class attributes, for most runs change few of them.
    _written = 0

    # Written by the loop.
    _taken = 0
    _piped = 0
    _is_closed = False
    _has_room: asyncio.Event | None = None

    def __init__(self) -> None:
        # Not a deque: to make one takes half a microsecond.
        self.chunks: list[bytes] = []

    def add(self, data: bytes) -> bool:
        """Take what a thread has written; tell whether too much is unread."""
        self.chunks.append(data)
        # Before the sum: in a call another thread may go on, whose bytes were lost.
        size = len(data)
        self._written += size
        return self._written + self._piped - self._taken > UNREAD_LIMIT

    def has_too_much(self) -> bool:
        """Tell whether so much is unread, by somebody, that its writer has to wait."""
        return not self._is_closed and self.count() > UNREAD_LIMIT

    def count(self) -> int:
        """Return how many bytes are unread."""
        return self._written + self._piped - self._taken

    def wait(self) -> None:
        """Wait in a thread while too much is unread."""
        while True:
            # Before looking: whoever makes room from now on sets it.  It serves all who
            # wait now, and never again: cleared by one, it would be lost for another.
            room = self.__dict__.setdefault("_room", Event())
            if not self.has_too_much():
                return
            room.wait()

    # From here on: on the loop.

    def add_piped(self, data: bytes) -> bool:
        """Take what came through a pipe; tell whether too much is unread."""
        self.chunks.append(data)
        self._piped += len(data)
        return self.count() > UNREAD_LIMIT

    def take(self) -> bytes:
        """Return all there is, and let those who wait go on."""
        # Only what is there now: a thread may append at any time.
        taken = self.chunks[:]
        del self.chunks[: len(taken)]
        data = b"".join(taken)
        self._taken += len(data)
        self._announce_room()
        return data

    def close(self) -> None:
        """Drop it: nobody will read, or has to wait."""
        self._is_closed = True
        self.chunks.clear()
        self._announce_room()

    def _announce_room(self) -> None:
        room = self.__dict__.pop("_room", None)
        if room is not None:
            room.set()
        if self._has_room is not None:
            self._has_room.set()

    async def wait_on_loop(self) -> None:
        """Wait in a coroutine while too much is unread."""
        while self.has_too_much():
            if self._has_room is None:
                self._has_room = asyncio.Event()
            self._has_room.clear()
            await self._has_room.wait()
