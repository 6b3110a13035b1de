"""From a run's output to the pieces of a response (RFC 3875 section 6).

Reads runs and feeds the parser; what a result leads to is the gateway's to decide.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Fields, Response, Stream
from httpout_cgi.protocol.cgi_output import CgiOutputParser, parse_status_line
from httpout_cgi.protocol.cgi_response import Document, Result
from httpout_cgi.runners.base import Run
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.runners.websocket import Upgrade
from httpout_cgi.scripts import Invocation

SendInterim = Callable[[int, Fields], None]

# Longer than any status line that makes sense.
_STATUS_LINE_LIMIT = 1024


class RunStream:
    """The rest of a run's output, beginning with what has been read of it already.

    Closing it ends the run.  A run that was ended before its end is logged here, and
    the HTTPError goes on to the sender: the response cannot be completed.
    """

    def __init__(self, run: Run, invocation: Invocation, first: bytes) -> None:
        self._run = run
        self._invocation = invocation
        self._first = first

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, b""
        if first:
            return first
        try:
            data = await self._run.read()
        except HTTPError as error:
            reason = f"{error.status}: {error.reason}; the response is cut off"
            log_script(self._invocation, logging.ERROR, reason)
            raise
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        self._run.close()


class Leftovers:
    """Runs that go on behind responses that do not need their output, as in Apache.

    Only the loop thread touches it.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def drain(self, run: Run, invocation: Invocation) -> None:
        """Let a run go on to its end, dropping its output."""
        if run.ended:
            run.close()
            return
        task = asyncio.get_running_loop().create_task(_drain(run, invocation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End those that are left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def take_over(
    run: Run, invocation: Invocation, document: Document, rest: bytes
) -> Response:
    """Return what the script prints; ``rest`` is what came behind its header section.

    Closing the response ends the run.
    """
    body: bytes | RunStream = rest
    if run.ended:
        run.close()
    else:
        body = RunStream(run, invocation, rest)
    return Response(
        document.status, document.fields, body, document.reason, close=document.close
    )


async def read_result(
    run: Run, parser: CgiOutputParser, send_interim: SendInterim | None
) -> Result:
    """Read until the header section is complete; ``parser.rest`` is what follows it.

    ``send_interim`` is None for a client that could not read a 103.  Raises
    HTTPError: the parser's, and 504 or 502 if the run was ended.
    """
    while True:
        data = await run.read()
        result = parser.feed(data) if data else parser.finish()
        if parser.interim:
            if send_interim is not None:
                for status, fields in parser.interim:
                    send_interim(status, fields)
            parser.interim.clear()
        if result is not None:
            return result


async def read_unless_accepted(
    run: Run, parser: CgiOutputParser, upgrade: Upgrade
) -> Result | None:
    """Do as ``read_result``, for a page that may be a WebSocket: None if it accepts."""
    # Of what it prints before, it sends no interim response.
    reading = asyncio.ensure_future(read_result(run, parser, None))
    first = asyncio.FIRST_COMPLETED
    try:
        # Any: of two types.
        futures: list[asyncio.Future[Any]] = [reading, upgrade.accepted]
        await asyncio.wait(futures, return_when=first)
        return None if upgrade.accepted.done() else reading.result()
    finally:
        # Until it is over: nobody else may read meanwhile.
        reading.cancel()
        await asyncio.wait([reading])


def switch_protocols(run: Run, invocation: Invocation, upgrade: Upgrade) -> Response:
    """Return the 101 of a page that has accepted; closing it ends the run."""
    status = HTTPStatus.SWITCHING_PROTOCOLS
    body = RunStream(run, invocation, b"")
    return Response(status, upgrade.accepted.result(), body, upgrade=upgrade)


async def read_status_line(run: Run) -> tuple[int, bytes]:
    """Return the status that an NPH script wrote, and all output read so far.

    Raises HTTPError 500 if its output does not begin with a status line.
    """
    output = b""
    while b"\n" not in output and len(output) < _STATUS_LINE_LIMIT:
        data = await run.read()
        if not data:
            break
        output += data
    if not output:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        raise HTTPError(status, "end of script output before headers")
    line, end, _ = output.partition(b"\n")
    return parse_status_line(line + end), output


async def _drain(run: Run, invocation: Invocation) -> None:
    try:
        while await run.read():
            pass
    except HTTPError as error:
        log_script(invocation, logging.WARNING, f"{error.status}: {error.reason}")
    finally:
        run.close()
