"""The read end of a pipe that a run and its children write to, read on the loop.

It ends when its last writer has gone.  Must not know what a run is.
"""

import asyncio
import os
import time
from collections.abc import Callable

# One full pipe on Linux.
_READ_SIZE = 65_536
# Of a log at a time: it may be as many lines as bytes, and each takes a while.
_LOG_SIZE = 1024
# So long the loop has time for one log; who writes more is read later, and waits.
_LOG_SECONDS = 0.005
# So many times as long as it took others come first, but for no longer than that.
_REST, _LONGEST_REST = 10.0, 1.0
# For what is there when a run has ended.
_LAST_SECONDS = 0.02
# The longest line of standard error that is not broken up.
_LONGEST_LINE = 16_384


class OutputPipe:
    """A pipe; any thread makes it, and from ``start`` on only the loop touches it.

    ``receive`` gets what was written, as it appears, and ``b""`` at the end.  With
    ``is_log`` that is a little at a time: a script could keep the loop busy with lines.
    """

    def __init__(
        self, receive: Callable[[bytes], None], *, is_log: bool = False
    ) -> None:
        self._receive = receive
        self._is_log = is_log
        self._size = _LOG_SIZE if is_log else _READ_SIZE
        self._is_resting = False
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_paused = False
        self.is_closed = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read; does nothing if that has been done."""
        if self._loop is None and not self.is_closed:
            self._loop = loop
            loop.add_reader(self._read_end, self._on_readable)

    def pause(self) -> None:
        """Read no more, so that the writers have to wait."""
        if not self._is_paused and not self.is_closed and self._loop is not None:
            self._is_paused = True
            self._loop.remove_reader(self._read_end)

    def resume(self) -> None:
        """Read again."""
        if self._is_paused and not self.is_closed and self._loop is not None:
            self._is_paused = False
            self._loop.add_reader(self._read_end, self._on_readable)

    def read_now(self) -> None:
        """Read what is there, without waiting for the loop to see it.

        Of a log that is not all, if it takes too long, or if others go on writing.
        """
        until = time.monotonic() + _LAST_SECONDS
        while self._loop is not None and not self.is_closed:
            is_late = self._is_log and time.monotonic() > until
            if is_late or (self._is_paused and not self._is_resting):
                return
            if not self._read():
                return

    def _on_readable(self) -> None:
        if not self._is_log:
            self._read()
            return
        begun = time.monotonic()
        self._read()
        spent = time.monotonic() - begun
        if spent > _LOG_SECONDS and not self.is_closed and self._loop is not None:
            self.pause()
            self._is_resting = True
            self._loop.call_later(min(_REST * spent, _LONGEST_REST), self._end_rest)

    def _end_rest(self) -> None:
        self._is_resting = False
        self.resume()

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
            data = os.read(self._read_end, self._size)
        except BlockingIOError:
            return False
        receive = self._receive
        if not data:
            self.close()
            # Who made it is behind it: garbage that only the collector would find.
            self._receive = _ignore
        receive(data)
        return True


def _ignore(_: bytes) -> None:
    """Receive nothing: there is no more."""


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
