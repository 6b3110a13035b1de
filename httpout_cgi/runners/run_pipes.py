"""The pipes of a run in a thread: what its descriptors 1 and 2 and its children write.

Must not know what becomes of the output, nor who else writes some.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.runners.output_pipe import LineReceiver, OutputPipe
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.scripts import Invocation


class RunPipes:
    """The pipes, each made at first use; only the loop's thread reads and closes them.

    ``receive`` gets the output, and ``b""`` at its end; it tells whether its writers
    have to wait, until ``resume``.  ``fail`` is called when the time is over of a
    response that only children hold open.
    """

    # Written by the thread.  One that somebody holds open keeps the response open, the
    # other keeps the error log's lines coming.
    _output: OutputPipe | None = None
    _errors: OutputPipe | None = None

    # Written by the loop.
    _deadline: asyncio.TimerHandle | None = None

    def __init__(
        self,
        invocation: Invocation,
        receive: Callable[[bytes], bool],
        fail: Callable[[HTTPError], None],
    ) -> None:
        self._invocation = invocation
        self._receive = receive
        self._fail = fail

    def open(self, number: int) -> int:
        """Return the write end of a new pipe for standard output (1) or error (2).

        Called by a thread of the script.  The loop has to be told that it is there.
        """
        if number == 1:
            self._output = pipe = OutputPipe(self._take)
        else:
            receiver = LineReceiver(self._log_line)
            self._errors = pipe = OutputPipe(receiver, is_log=True)
        return pipe.write_end

    # From here on: on the loop.

    @property
    def has_output(self) -> bool:
        """Tell whether there is output, or somebody left who could write some."""
        return self._output is not None and not self._output.is_closed

    def read_errors(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to log standard error, if it comes through a pipe."""
        if self._errors is not None:
            self._errors.start(loop)

    def read_output(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read output, if it comes through a pipe."""
        if self._output is not None:
            self._output.start(loop)

    def finish(self, loop: asyncio.AbstractEventLoop, started: float) -> None:
        """Take note that the run is over: output can only be that of children."""
        if self._output is not None:
            # What is in the pipe now can go out together with what came before.
            self._output.read_now()
        self._limit_children(loop, started)

    def _limit_children(self, loop: asyncio.AbstractEventLoop, started: float) -> None:
        """Let the time limit end a response that only children hold open."""
        if self._deadline is None and self.has_output:
            limit = self._invocation.script.mount.timeout
            passed = time.monotonic() - started
            self._deadline = loop.call_later(limit - passed, self._expire, limit)

    def _expire(self, limit: float) -> None:
        text = f"a child is over the time limit of {limit:g} s"
        log_script(self._invocation, logging.ERROR, text)
        reason = f"a child over the time limit of {limit:g} s"
        self._fail(HTTPError(HTTPStatus.GATEWAY_TIMEOUT, reason))

    def resume(self) -> None:
        """Read again what comes through the pipe."""
        if self._output is not None:
            self._output.resume()

    def close_output(self) -> None:
        """Read no more output; whoever still writes some gets EPIPE."""
        if self._output is not None:
            self._output.close()
        if self._deadline is not None:
            self._deadline.cancel()

    def _take(self, data: bytes) -> None:
        assert self._output is not None
        if not data:
            # Nobody holds it any more.
            self.close_output()
        if self._receive(data):
            self._output.pause()

    def _log_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "backslashreplace")
        log_script(self._invocation, logging.ERROR, text)
