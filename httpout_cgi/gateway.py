"""The gateway: turns a request into a run, or a file, and back into a response.

The story of one request.  How anything is parsed, found, run or sent is told
elsewhere; this file says in which order.
"""

import logging
import secrets
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
    remove_content_fields,
)
from httpout_cgi.config import Config
from httpout_cgi.error_page import render_error_page
from httpout_cgi.errors import HTTPError
from httpout_cgi.exchange import Exchange, close_content
from httpout_cgi.file_answers import FileAnswers
from httpout_cgi.files.resolution import Folder
from httpout_cgi.messages import Request, Response
from httpout_cgi.protocol.cgi_response import ClientRedirect, LocalRedirect, Result
from httpout_cgi.protocol.url_path import parse_target
from httpout_cgi.runners.base import Guards, Runner
from httpout_cgi.script_answers import ScriptAnswers
from httpout_cgi.script_output import SendInterim
from httpout_cgi.scripts import Invocation, Script
from httpout_cgi.sites import SiteMap

_MAXIMUM_HOPS = 10  # Apache's LimitInternalRecursion

_log = logging.getLogger(__name__)


class Gateway:
    """Answers requests by one configuration.  Only the loop thread touches it.

    Without ``guards`` there is no middleware.
    """

    def __init__(
        self, config: Config, runner: Runner, guards: Guards | None = None
    ) -> None:
        self._guards = guards
        self._sites = SiteMap(config)
        self._files = FileAnswers()
        self._scripts = ScriptAnswers(runner, config.limits.response_head)
        self._debug = config.debug
        # Ids tell requests apart across workers and restarts; they are no secrets.
        self._id_prefix = secrets.token_hex(4)
        self._numbers = count(1)

    async def handle(self, request: Request, send_interim: SendInterim) -> Response:
        """Answer a request.  Never raises; whoever receives the response closes it.

        Takes over the request's content.  ``send_interim`` is called with status and
        fields of 1xx responses.
        """
        run_id = request.id or self.make_id()
        exchange = None
        try:
            exchange = self._begin(request, run_id, send_interim)
            response = await self._answer(exchange)
        except Exception as exc:
            response = await self._answer_failure(exc, exchange, run_id)
        if exchange is None:
            close_content(request)
            return response
        return exchange.complete(response)

    async def answer_early(self, request: Request) -> Response | None:
        """Answer a request whose content has not come yet; None if a run is to read it.

        Never raises.  What is refused is refused here, so that nobody has to send what
        nobody takes (RFC 9110 section 10.1.1).
        """
        run_id = request.id or self.make_id()
        exchange = None
        try:
            exchange = self._begin(request, run_id, None)
            prepared = await self._prepare(exchange)
            if isinstance(prepared, Invocation):
                return None
            if isinstance(prepared, Folder):
                prepared = await self._files.list_folder(exchange, prepared)
            response = prepared
        except Exception as exc:
            response = await self._answer_failure(exc, exchange, run_id)
        return response if exchange is None else exchange.complete(response)

    def refuse(self, error: HTTPError, run_id: str = "") -> Response:
        """Return our error page for what never became a request, and log why."""
        run_id = run_id or self.make_id()
        level = _choose_level(error)
        _log.log(level, "%d refused: %s [%s]", error.status, error.reason, run_id)
        return self._show(error, run_id)

    async def close(self) -> None:
        """Stop what goes on behind responses that were already sent."""
        await self._scripts.close()
        self._sites.close()

    def make_id(self) -> str:
        """Return an id for a request, by which logs and error pages speak of it."""
        return f"{self._id_prefix}{next(self._numbers):06x}"

    def _show(self, error: HTTPError, run_id: str) -> Response:
        detail = error.detail if self._debug else None
        page = render_error_page(error.status, run_id, detail)
        return Response(error.status, (HTML, *error.fields), page)

    async def _answer_failure(
        self, exc: Exception, exchange: Exchange | None, run_id: str
    ) -> Response:
        if not isinstance(exc, HTTPError):
            _log.error("request %s failed", run_id, exc_info=exc)
            failure = HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, repr(exc))
            return self._show(failure, run_id)
        if exchange is None:
            # If the target or the host is odd, what follows may be, too.
            is_odd = exc.status == HTTPStatus.BAD_REQUEST
            return self.refuse(exc, run_id)._replace(close=is_odd)
        return await self._answer_error(exchange, exc)

    def _begin(
        self, request: Request, run_id: str, send_interim: SendInterim | None
    ) -> Exchange:
        target = parse_target(request.target)
        if target.authority is not None:
            # The Host field does not count then, nor for scripts (RFC 9112 section
            # 3.2.2).
            fields = {**request.fields, "host": [target.authority]}
            request = request._replace(fields=fields)
        site, server = self._sites.find(request)
        interim = None if request.version == "HTTP/1.0" else send_interim
        return Exchange(request, target, site, server, run_id, interim, target.path)

    async def _answer(self, exchange: Exchange) -> Response:
        prepared = None
        try:
            prepared = await self._prepare(exchange)
        finally:
            # From its start on, the content is the run's.
            if not isinstance(prepared, Invocation):
                close_content(exchange.request)
        if isinstance(prepared, Invocation):
            made = await self._scripts.answer(exchange, prepared)
            if isinstance(made, Response):
                return made
            return await self._answer_without_output(exchange, made)
        if isinstance(prepared, Folder):
            return await self._files.list_folder(exchange, prepared)
        return prepared

    async def _prepare(self, exchange: Exchange) -> Response | Folder | Invocation:
        """Return the answer, or a description of the run that makes it.

        A folder is one that has to be listed.
        """
        if exchange.site.access is not None:
            await exchange.check_access(exchange.site.access)
        request, target = exchange.request, exchange.target
        check_method(request)
        if target.path == "*":
            return answer_asterisk(request)
        exchange.resolver = exchange.site.choose_resolver(target.path)
        try:
            found = exchange.resolver.resolve(target.path)
        except HTTPError as error:
            question = exchange.ask_middleware(self._guards, error)
            if question is None:
                raise
            return question
        if isinstance(found, Script):
            return exchange.describe_run(found)
        question = exchange.ask_middleware(self._guards, found)
        return self._files.show(exchange, found) if question is None else question

    async def _answer_without_output(
        self, exchange: Exchange, result: Result
    ) -> Response:
        if isinstance(result, ClientRedirect):
            return redirect_client(result)
        if isinstance(result, LocalRedirect):
            return await self._redirect_locally(exchange, result)
        status, reason, fields = result.status, result.reason, result.fields
        if result.allows_content:
            if result.sendfile is not None:
                return self._files.send_instead(exchange, result, result.sendfile)
            if exchange.is_permitted:
                return await self._files.pass_on(exchange, result)
            status, reason = HTTPStatus.NOT_MODIFIED, ""
            if judge_conditions(exchange.request, result) != status:
                status = HTTPStatus.PRECONDITION_FAILED
                raise HTTPError(status, "not what the client demanded")
        if status == HTTPStatus.NOT_MODIFIED:
            fields = tuple(remove_content_fields(fields))
        return Response(status, fields, reason=reason, close=result.close)

    async def _redirect_locally(
        self, exchange: Exchange, redirect: LocalRedirect
    ) -> Response:
        """Answer with another resource of ours (RFC 3875 section 6.2.2)."""
        if exchange.hops >= _MAXIMUM_HOPS:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise HTTPError(status, f"more than {_MAXIMUM_HOPS} local redirects")
        # What Apache takes, and our parser must not.
        target = redirect.target.replace(" ", "%20")
        exchange.follow(make_redirected_request(exchange.request, target))
        # Apache checks again, too: a script that goes where its client says must not
        # open what is closed (CWE-639).
        exchange.is_exempt = False
        user = exchange.user
        response = await self._answer(exchange)
        exchange.user = exchange.user or user
        if redirect.close and not response.close:
            response = response._replace(close=True)
        return add_fields(response, redirect.fields)

    async def _answer_error(self, exchange: Exchange, error: HTTPError) -> Response:
        """Return the site's own error page if it has one, else ours."""
        self._log_error(exchange, error)
        url = exchange.site.error_pages.get(error.status)
        if url is None:
            return self._show(error, exchange.run_id)
        request = make_redirected_request(exchange.request, url, whole=True)
        exchange.is_failed = exchange.is_exempt = True
        try:
            exchange.follow(request, error.status)
            own = await self._answer(exchange)
        except HTTPError as failed:
            self._log_error(exchange, failed)
            return self._show(error, exchange.run_id)
        except Exception:
            _log.exception("error page %s failed [%s]", url, exchange.run_id)
            return self._show(error, exchange.run_id)
        status = error.status if own.status == HTTPStatus.OK else own.status
        return add_fields(own._replace(status=status), error.fields)

    def _log_error(self, exchange: Exchange, error: HTTPError) -> None:
        where = exchange.site.label, exchange.name, exchange.run_id
        _log.log(
            _choose_level(error),
            "[%s %s %s] %d: %s",
            *where,
            error.status,
            error.reason,
        )


def _choose_level(error: HTTPError) -> int:
    return logging.ERROR if error.status >= 500 else logging.INFO
