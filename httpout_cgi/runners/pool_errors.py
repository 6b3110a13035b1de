"""The standard error of a run in a pool: logged line by line, its end kept for a while.

Must not know how the run ends.
"""

import asyncio
import logging
from collections import deque

from httpout_cgi.runners.output_pipe import LineReceiver, OutputPipe
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.scripts import Invocation

# What is kept of standard error, for who looks for the reason of a failure.
_ERROR_SIZE = 8192


class PoolErrors:
    """A pipe for standard error, which others than the run may hold open, too.

    Whoever makes it closes it, or starts it: then it ends with its last writer.  Only
    the loop thread touches it.
    """

    # The last lines; made for the first one, which few runs have.
    _lines: deque[bytes] | None = None
    _size = 0
    _is_kept = True

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._pipe = OutputPipe(LineReceiver(self._take_line), is_log=True)
        self.write_end = self._pipe.write_end

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read."""
        self._pipe.start(loop)

    def read_now(self) -> None:
        """Read what is there, without waiting for the loop to see it."""
        self._pipe.read_now()

    def close(self) -> None:
        """Read nothing: there will be no run."""
        self._pipe.close()

    def describe(self) -> str | None:
        """Return the last lines, if there were any as long as they were kept."""
        if not self._lines:
            return None
        text = b"\n".join([*self._lines, b""])
        return text.decode("utf-8", "backslashreplace")

    def keep_no_more(self) -> None:
        """Go on with the log alone: nobody will ask for the reason of a failure."""
        self._is_kept = False

    def _take_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "backslashreplace")
        log_script(self._invocation, logging.ERROR, text)
        if not self._is_kept:
            return
        if self._lines is None:
            self._lines = deque()
        # Of a line that is too long, too: the reason is at its end.
        line = line[1 - _ERROR_SIZE :]
        self._lines.append(line)
        self._size += len(line) + 1
        while self._size > _ERROR_SIZE:
            self._size -= len(self._lines.popleft()) + 1
