"""The gateway: turns a request into a run, or a file, and back into a response.

The story of one request.  How anything is parsed, found, run or sent is told
elsewhere; this file says in which order.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import count

from httpout_cgi.answers import (
    HTML,
    add_fields,
    answer_asterisk,
    check_method,
    judge_conditions,
    make_redirected_request,
    redirect_client,
    redirect_to_directory,
)
from httpout_cgi.config import Config
from httpout_cgi.error_page import render_error_page
from httpout_cgi.errors import HTTPError
from httpout_cgi.files import static
from httpout_cgi.files.resolve import StaticFile
from httpout_cgi.messages import Request, Response
from httpout_cgi.protocol.cgi_output import (
    CgiOutputParser,
    ClientRedirect,
    Document,
    LocalRedirect,
    Result,
)
from httpout_cgi.protocol.metavariables import Server, build_metavariables
from httpout_cgi.protocol.search_words import search_words
from httpout_cgi.protocol.url_path import Target, parse_target
from httpout_cgi.runners.base import Run, Runner
from httpout_cgi.script_output import (
    RunStream,
    SendInterim,
    drain,
    log_script,
    read_result,
    read_status_line,
)
from httpout_cgi.scripts import Invocation, Script
from httpout_cgi.sites import Site, SiteMap

_MAXIMUM_HOPS = 10  # Apache's LimitInternalRecursion

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request on its way through the gateway.

    ``redirect`` has the REDIRECT_* meta-variables after a local redirect, and ``hops``
    counts how many there were.  ``send_interim`` is None for a client that would take
    a 1xx response for the final one.
    """

    request: Request
    target: Target
    site: Site
    server: Server
    run_id: str
    send_interim: SendInterim | None
    redirect: Mapping[str, str] | None = None
    hops: int = 0


class Gateway:
    """Answers requests by one configuration.  Only the loop thread touches it."""

    def __init__(self, config: Config, runner: Runner) -> None:
        self._runner = runner
        self._sites = SiteMap(config)
        self._debug = config.debug
        self._response_head = config.limits.response_head
        self._background: set[asyncio.Task[None]] = set()
        # Ids tell requests apart across workers and restarts; they are no secrets.
        self._id_prefix = secrets.token_hex(4)
        self._numbers = count(1)

    async def handle(self, request: Request, send_interim: SendInterim) -> Response:
        """Answer a request.  Never raises; whoever receives the response closes it.

        ``send_interim`` is called with status and fields of 1xx responses.
        """
        run_id = self._make_id()
        exchange = None
        try:
            exchange = self._begin(request, run_id, send_interim)
            response = await self._answer(exchange)
        except HTTPError as error:
            _close_content(request)
            response = await self._answer_error(exchange, error, run_id)
        except Exception as exc:
            _close_content(request)
            _log.exception("request %s failed", run_id)
            failure = HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, repr(exc))
            response = self.refuse(failure, run_id)
        if exchange is not None and exchange.site.headers:
            response = add_fields(response, exchange.site.headers)
        return response

    def refuse(self, error: HTTPError, run_id: str = "") -> Response:
        """Return our error page for a request that goes no further, and log why."""
        run_id = run_id or self._make_id()
        level = logging.ERROR if error.status >= 500 else logging.INFO
        _log.log(level, "%d refused: %s [%s]", error.status, error.reason, run_id)
        detail = error.detail if self._debug else None
        page = render_error_page(error.status, run_id, detail)
        return Response(error.status, (HTML, *error.fields), page)

    async def close(self) -> None:
        """Stop what goes on behind responses that were already sent."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _make_id(self) -> str:
        return f"{self._id_prefix}{next(self._numbers):06x}"

    def _begin(
        self, request: Request, run_id: str, send_interim: SendInterim
    ) -> _Exchange:
        target = parse_target(request.target)
        site, server = self._sites.find(request, target.authority)
        interim = None if request.version == "HTTP/1.0" else send_interim
        return _Exchange(request, target, site, server, run_id, interim)

    async def _answer(self, exchange: _Exchange) -> Response:
        request, target = exchange.request, exchange.target
        check_method(request)
        if target.path == "*":
            return answer_asterisk(request)
        found = exchange.site.resolver.resolve(target.path)
        if isinstance(found, Script):
            return await self._run(exchange, found)
        _close_content(request)
        if isinstance(found, StaticFile):
            return static.respond(found, request, now=time.time())
        return redirect_to_directory(found, target.query)

    async def _run(self, exchange: _Exchange, script: Script) -> Response:
        invocation = self._describe(exchange, script)
        run = self._runner.start(invocation)
        try:
            if script.is_nph:
                status, output = await read_status_line(run)
                return Response(status, body=RunStream(run, output), raw=True)
            parser = CgiOutputParser(script.mount.output, self._response_head)
            result = await self._read(exchange, invocation, parser, run)
        except HTTPError as error:
            log_script(invocation, logging.ERROR, error.reason)
            error.detail = run.failure
            run.close()
            raise
        except BaseException:
            run.close()
            raise
        if isinstance(result, Document):
            response = self._answer_document(exchange, result, parser.rest, run)
            if response is not None:
                return response
        self._leave(run, invocation)
        return await self._answer_without_output(exchange, result)

    def _describe(self, exchange: _Exchange, script: Script) -> Invocation:
        request, query = exchange.request, exchange.target.query
        environment = build_metavariables(
            request, script, exchange.server, exchange.run_id, exchange.redirect
        )
        words: tuple[str, ...] = ()
        if query and script.mount.indexed_query:
            words = search_words(request.method, query)
        return Invocation(exchange.run_id, script, environment, words, request.content)

    async def _read(
        self,
        exchange: _Exchange,
        invocation: Invocation,
        parser: CgiOutputParser,
        run: Run,
    ) -> Result:
        try:
            return await read_result(run, parser, exchange.send_interim)
        finally:
            for warning in parser.warnings:
                log_script(invocation, logging.WARNING, warning)

    def _answer_document(
        self, exchange: _Exchange, document: Document, rest: bytes, run: Run
    ) -> Response | None:
        """Return what the script printed, and take over its run; None if its output
        is not wanted."""
        if (
            document.sendfile is not None
            or not document.allows_content
            or judge_conditions(exchange.request, document) is not None
        ):
            return None
        body: bytes | RunStream = rest if run.ended else RunStream(run, rest)
        if run.ended:
            run.close()
        return Response(
            document.status,
            document.fields,
            body,
            document.reason,
            close=document.close,
        )

    async def _answer_without_output(
        self, exchange: _Exchange, result: Result
    ) -> Response:
        if isinstance(result, ClientRedirect):
            return redirect_client(result)
        if isinstance(result, LocalRedirect):
            return await self._redirect_locally(exchange, result)
        if result.sendfile is not None:
            file = exchange.site.resolver.resolve_sendfile(result.sendfile)
            response = static.respond(file, exchange.request, now=time.time())
            # What the script says of the file counts: its type, a name to save it by.
            own = add_fields(Response(200, result.fields), response.fields)
            return replace(response, fields=own.fields)
        status = judge_conditions(exchange.request, result) or result.status
        return Response(status, result.fields, reason=result.reason, close=result.close)

    async def _redirect_locally(
        self, exchange: _Exchange, redirect: LocalRedirect
    ) -> Response:
        """Answer with another page of ours (RFC 3875 section 6.2.2)."""
        if exchange.hops >= _MAXIMUM_HOPS:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise HTTPError(status, f"more than {_MAXIMUM_HOPS} local redirects")
        request = make_redirected_request(exchange.request, redirect.target)
        following = _follow(exchange, request, HTTPStatus.OK)
        return add_fields(await self._answer(following), redirect.fields)

    async def _answer_error(
        self, exchange: _Exchange | None, error: HTTPError, run_id: str
    ) -> Response:
        """Return the site's own error page if it has one, else ours."""
        response = self.refuse(error, run_id)
        page = exchange and exchange.site.error_pages.get(error.status)
        if exchange is None or not page:
            return response
        request = make_redirected_request(exchange.request, page, whole=True)
        try:
            own = await self._answer(_follow(exchange, request, error.status))
        except HTTPError as failed:
            _log.error("error page %s: %s", page, failed)
            return response
        status = error.status if own.status == HTTPStatus.OK else own.status
        return add_fields(replace(own, status=status), error.fields)

    def _leave(self, run: Run, invocation: Invocation) -> None:
        """Let a run go on behind a response that does not need its output."""
        if run.ended:
            run.close()
            return
        task = asyncio.get_running_loop().create_task(drain(run, invocation))
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _follow(exchange: _Exchange, request: Request, status: int) -> _Exchange:
    """Return the exchange for another page of ours; scripts see where it came from."""
    sent = os.fsdecode(exchange.request.target.encode("latin-1"))
    variables = {
        "REDIRECT_STATUS": str(int(status)),
        "REDIRECT_URL": exchange.target.path,
        "REDIRECT_QUERY_STRING": sent.partition("?")[2],
        # What the client asked for stays, over several hops, too.
        "REQUEST_URI": (exchange.redirect or {}).get("REQUEST_URI", sent),
    }
    return replace(
        exchange,
        request=request,
        target=parse_target(request.target),
        redirect=variables,
        hops=exchange.hops + 1,
    )


def _close_content(request: Request) -> None:
    if request.content is not None:
        request.content.close()
