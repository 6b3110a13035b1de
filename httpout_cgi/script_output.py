"""From a run's output to the pieces of a response (RFC 3875 section 6).

Reads runs and feeds the parser; what a result leads to is the gateway's to decide.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Fields, Stream
from httpout_cgi.protocol.cgi_output import CgiOutputParser, Result, parse_status_line
from httpout_cgi.runners.base import Run
from httpout_cgi.scripts import Invocation

SendInterim = Callable[[int, Fields], None]

_script_log = logging.getLogger("httpout_cgi.script")
# Longer than any status line that makes sense.
_STATUS_LINE_LIMIT = 1024
_EARLY_HINTS = 103


class RunStream:
    """The rest of a run's output, beginning with what has been read of it already.

    Closing it ends the run.
    """

    def __init__(self, run: Run, first: bytes) -> None:
        self._run = run
        self._first = first

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, b""
        if first:
            return first
        data = b"" if self._run.ended else await self._run.read()
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        self._run.close()


async def read_result(
    run: Run, parser: CgiOutputParser, send_interim: SendInterim | None
) -> Result:
    """Read until the header section is complete; ``parser.rest`` is what follows it.

    ``send_interim`` is None for a client that could not read a 103.  Raises
    HTTPError: the parser's, and 504 or 502 if the run was ended.
    """
    while True:
        data = b"" if run.ended else await run.read()
        result = parser.feed(data) if data else parser.finish()
        for status, fields in parser.interim:
            if status == _EARLY_HINTS and send_interim is not None:
                send_interim(status, fields)
        parser.interim.clear()
        if result is not None:
            return result


async def read_status_line(run: Run) -> tuple[int, bytes]:
    """Return the status that an NPH script wrote, and all output read so far.

    Raises HTTPError 500 if its output does not begin with a status line.
    """
    output = b""
    while b"\n" not in output and len(output) < _STATUS_LINE_LIMIT:
        data = b"" if run.ended else await run.read()
        if not data:
            break
        output += data
    if not output:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        raise HTTPError(status, "end of script output before headers")
    line, end, _ = output.partition(b"\n")
    return parse_status_line(line + end), output


async def drain(run: Run, invocation: Invocation) -> None:
    """Let a run go on to its end, dropping its output, as Apache does."""
    try:
        while not run.ended:
            await run.read()
    except HTTPError as error:
        log_script(invocation, logging.WARNING, error.reason)
    finally:
        run.close()


def log_script(invocation: Invocation, level: int, text: str) -> None:
    """Write a line about a run to the error log."""
    script = invocation.script
    _script_log.log(
        level, "[%s %s %s] %s", script.site, script.path, invocation.run_id, text
    )
