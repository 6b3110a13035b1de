"""Answers of scripts: a run is started, and read until it tells what it answers.

What it wants instead of what it prints, a redirect or a file, is for the gateway.
"""

import logging

from httpout_cgi.errors import HTTPError
from httpout_cgi.exchange import Exchange
from httpout_cgi.messages import Response
from httpout_cgi.protocol.cgi_output import CgiOutputParser
from httpout_cgi.protocol.cgi_response import Document, Result
from httpout_cgi.runners.base import Runner
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.runners.websocket import Upgrade
from httpout_cgi.script_output import (
    Leftovers,
    RunStream,
    read_result,
    read_status_line,
    read_unless_accepted,
    switch_protocols,
    take_over,
)
from httpout_cgi.scripts import Invocation, OutputMode


class ScriptAnswers:
    """Starts all runs.  Only the loop thread touches it.

    ``response_head`` is how long a header section may be, in bytes.
    """

    def __init__(self, runner: Runner, response_head: int) -> None:
        self._runner = runner
        self._response_head = response_head
        self._leftovers = Leftovers()

    async def close(self) -> None:
        """Stop what goes on behind responses that were already sent."""
        await self._leftovers.close()

    async def answer(
        self, exchange: Exchange, invocation: Invocation
    ) -> Response | Result:
        """Return a script's response, or what else its output leads to.

        Then nobody needs the rest of the output, and the run goes on without.  Raises
        HTTPError: the runner's, the parser's, and 504 or 502 if the run was ended.
        """
        script = invocation.script
        run = self._runner.start(invocation)
        # Who runs a page writes its header section.
        mode: OutputMode = script.mount.output
        if mode == "page":
            mode = "cgi"
        parser = CgiOutputParser(mode, self._response_head)
        try:
            if script.is_nph:
                status, output = await read_status_line(run)
                body = RunStream(run, invocation, output)
                return Response(status, body=body, raw=True)
            result = None
            if isinstance(invocation.upgrade, Upgrade):
                result = await read_unless_accepted(run, parser, invocation.upgrade)
                if result is None:
                    return switch_protocols(run, invocation, invocation.upgrade)
            else:
                result = await read_result(run, parser, exchange.send_interim)
            if isinstance(result, Document) and exchange.wants(result):
                return take_over(run, invocation, result, parser.rest)
        except BaseException as exc:
            if isinstance(exc, HTTPError):
                exc.detail = run.failure
            run.close()
            raise
        finally:
            for warning in parser.warnings:
                log_script(invocation, logging.WARNING, warning)
        self._leftovers.drain(run, invocation)
        return result
