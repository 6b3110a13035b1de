"""One run in a thread: what the script writes goes to the loop, paced by its reader.

The thread side and the loop side meet here.  Each field has one writer: the thread,
the loop, or whoever holds the runner's guard.
"""

import asyncio
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter.run_context import RunContext
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.scripts import Invocation

# One full pipe on Linux: what a script may be ahead of its reader.
UNREAD_LIMIT = 65_536


class ThreadRun:
    """A run; see runners/base.py for what a gateway does with it."""

    # Written by the thread.  Class attributes, for most runs change few of them.
    failure: str | None = None
    is_finished = False
    leaves_threads = False
    started: float | None = None
    thread: threading.Thread | None = None
    _written = 0

    # Written by the loop.
    error: HTTPError | None = None
    closed: float | None = None
    interrupted: float | None = None
    next_interrupt = 0.0
    _taken = 0
    _waiter: asyncio.Future[None] | None = None

    # Written under the runner's guard.  The context is there while the thread may be
    # interrupted; an abandoned run's thread has been replaced.
    context: RunContext | None = None
    is_abandoned = False

    _room: threading.Event | None = None

    # Threads in what is ours: an interrupt there could leave it half done.
    in_our_code: set[int]

    def __init__(
        self, invocation: Invocation, post: Callable[["ThreadRun"], None]
    ) -> None:
        self.invocation = invocation
        self.queued = time.monotonic()
        self._post = post
        self._chunks: deque[bytes] = deque()
        self.in_our_code = set()

    @property
    def ended(self) -> bool:
        """Tell whether all output has been read and no more will come."""
        return self.is_finished and not self._chunks

    async def read(self) -> bytes:
        """Wait for output and return all there is; ``b""`` is the end.

        Raises HTTPError 504 for a run over its time limit.
        """
        while True:
            if self.error is not None:
                raise self.error
            # In this order: the thread appends before it says that it is finished.
            is_finished = self.is_finished or self.closed is not None
            if self._chunks:
                return self._take()
            if is_finished:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def close(self) -> None:
        """End the run, if it has not ended; its output is dropped."""
        if self.closed is None:
            self.closed = time.monotonic()
        self._chunks.clear()
        self.wake()

    # For the runner, on the loop.

    def wake(self) -> None:
        """Wake the reader, and the writer if nobody will read."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self.closed is not None and self._room is not None:
            self._room.set()

    def fail(self, error: HTTPError) -> None:
        """Let the reader have an error in the place of what is to come."""
        self.error = error
        self.close()

    def _take(self) -> bytes:
        chunks = self._chunks
        data = chunks.popleft()
        if chunks:
            parts = [data]
            while chunks:
                parts.append(chunks.popleft())
            data = b"".join(parts)
        self._taken += len(data)
        if self._room is not None:
            self._room.set()
        return data

    # For the script, in its threads.

    def write(self, data: bytes) -> None:
        """Take output; wait while too much is unread.

        Raises BrokenPipeError when nobody will read it.
        """
        thread = threading.get_ident()
        try:
            self.in_our_code.add(thread)
            self._check_reader()
            self._chunks.append(data)
            self._written += len(data)
            context = self.context
            if self._written - self._taken > UNREAD_LIMIT:
                self._wait_for_room()
            elif context is None or not context.is_ending:
                self._post(self)
        finally:
            self.in_our_code.discard(thread)

    def write_error(self, line: bytes) -> None:
        """Log a line of standard error."""
        thread = threading.get_ident()
        try:
            self.in_our_code.add(thread)
            self.log(logging.ERROR, line.decode("utf-8", "backslashreplace"))
        finally:
            self.in_our_code.discard(thread)

    def log(self, level: int, text: str) -> None:
        """Log a line about the run."""
        log_script(self.invocation, level, text)

    def _check_reader(self) -> None:
        if self.closed is not None:
            if self.context is not None:
                self.context.is_reader_gone = True
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def _wait_for_room(self) -> None:
        room = self._room
        if room is None:
            self._room = room = threading.Event()
        self._post(self)
        while self._has_too_much():
            room.clear()
            # Looking again: the reader may have come by before clear().
            if self._has_too_much():
                room.wait()
        self._check_reader()

    def _has_too_much(self) -> bool:
        return self.closed is None and self._written - self._taken > UNREAD_LIMIT
