"""The read end of a pipe that a run and its children write to, read on the loop.

It ends when its last writer has gone.  Must not know what a run is.
"""

import asyncio
import os
from collections.abc import Callable

# One full pipe on Linux.
_READ_SIZE = 65_536
# The longest line of standard error that is not broken up.
_LONGEST_LINE = 16_384


class OutputPipe:
    """A pipe; any thread makes it, and from ``start`` on only the loop touches it.

    ``receive`` gets what was written, as it appears, and ``b""`` at the end.
    """

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_paused = False
        self.is_closed = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read; does nothing if that has been done."""
        if self._loop is None and not self.is_closed:
            self._loop = loop
            loop.add_reader(self._read_end, self._read)

    def pause(self) -> None:
        """Read no more, so that the writers have to wait."""
        if not self._is_paused and not self.is_closed and self._loop is not None:
            self._is_paused = True
            self._loop.remove_reader(self._read_end)

    def resume(self) -> None:
        """Read again."""
        if self._is_paused and not self.is_closed and self._loop is not None:
            self._is_paused = False
            self._loop.add_reader(self._read_end, self._read)

    def read_now(self) -> None:
        """Read what is there, without waiting for the loop to see it."""
        while self._loop is not None and not self._is_paused and not self.is_closed:
            if not self._read():
                return

    def close(self) -> None:
        """Read no more; whoever still writes gets EPIPE."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._loop is not None and not self._is_paused:
            self._loop.remove_reader(self._read_end)
        os.close(self._read_end)

    def _read(self) -> bool:
        """Read once; tell whether there was anything."""
        try:
            data = os.read(self._read_end, _READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            self.close()
        self._receive(data)
        return True


class LineReceiver:
    """Cuts what an OutputPipe receives into lines, for a log."""

    def __init__(self, write_line: Callable[[bytes], None]) -> None:
        self._write_line = write_line
        self._rest = b""

    def __call__(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > _LONGEST_LINE):
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._write_line(line)
