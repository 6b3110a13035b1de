"""One request on its way through the gateway: what is known, and where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from httpout_cgi.access import Access
from httpout_cgi.answers import add_fields, judge_conditions
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolution import Resolution, StaticFile
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.messages import Request, Response
from httpout_cgi.protocol.cgi_response import Document
from httpout_cgi.protocol.metavariables import (
    Server,
    build_metavariables,
    redirect_variables,
    user_variables,
)
from httpout_cgi.protocol.search_words import search_words
from httpout_cgi.protocol.url_path import Target, parse_target
from httpout_cgi.protocol.websocket_handshake import (
    answer_handshake,
    asks_for_websocket,
)
from httpout_cgi.runners.base import Guards
from httpout_cgi.runners.websocket import Upgrade
from httpout_cgi.script_output import SendInterim
from httpout_cgi.scripts import Invocation, Permit, Script
from httpout_cgi.sites import Site


# Not frozen: a local redirect changes most of it.
@dataclass(slots=True)
class Exchange:
    """What the gateway knows of one request, which may go on to other resources.

    ``send_interim`` is None for a client that would take a 1xx response for the final
    one.  ``name`` is the resource's in logs, ``resolver`` is who found it.
    ``redirect`` has the REDIRECT_* variables after a local redirect, and ``hops``
    counts how many there were; ``is_failed`` if it goes on to an error page.  ``user``
    is whom we have authenticated; with ``is_exempt``, the next resource may be seen by
    everybody if it is a file: an error page, which the settings have chosen.  With a
    ``permit``, middleware is asked whether the client gets what was ``found``.
    """

    request: Request
    target: Target
    site: Site
    server: Server
    run_id: str
    send_interim: SendInterim | None
    name: str
    resolver: Resolver | None = None
    redirect: Mapping[str, str] | None = None
    hops: int = 0
    is_failed: bool = False
    is_exempt: bool = False
    user: str = ""
    permit: Permit | None = None
    found: Resolution | HTTPError | None = None

    async def check_access(self, access: Access) -> None:
        """Find out who asks; raises HTTPError 401 or 403 if that is nobody for this."""
        path = self.target.path
        if self.is_exempt:
            found = self.site.choose_resolver(path).resolve(path)
            if self.may_show(found):
                return
        self.user = await access.check(self.request, path)

    def may_show(self, found: Resolution | HTTPError) -> bool:
        """Tell whether everybody may see that, whoever is kept out otherwise."""
        return self.is_exempt and isinstance(found, StaticFile)

    @property
    def is_permitted(self) -> bool:
        """Tell whether middleware lets the client have what was found."""
        return self.permit is not None and self.permit.is_given

    def describe_run(self, script: Script) -> Invocation:
        """Return the run of a script that answers the request.

        Raises HTTPError 400 or 426 for a handshake of a WebSocket that is none.
        """
        request, query = self.request, self.target.query
        self.name = script.name
        words: tuple[str, ...] = ()
        if query and script.mount.indexed_query:
            words = search_words(request.method, query)
        return Invocation(
            self.run_id,
            script,
            self._build_environment(script),
            words,
            request.content,
            upgrade=self._prepare_upgrade(script),
        )

    def ask_middleware(
        self, guards: Guards | None, found: Resolution | HTTPError
    ) -> Invocation | None:
        """Return the run that asks middleware of pages; None if there is none to ask.

        It is asked about whatever is in their folder: what is missing there may be a
        secret as well.  Raises HTTPError 500 if it cannot be asked.
        """
        resolver, path = self.resolver, self.target.path
        assert resolver is not None  # it has looked
        pages = resolver.page_mounts
        if guards is None or not pages.has_pages:
            return None
        mounts = pages.find_pages(path, found)
        if not mounts or self.may_show(found):
            return None
        # All of them: any may be closed because its middleware is missing.
        guarded = [one for one in mounts if guards.guards(one)]
        if not guarded:
            return None
        mount = guarded[0]
        if isinstance(found, HTTPError):
            found = found.with_traceback(None)  # which knows who keeps it
        script = pages.describe_stand_in(mount, path, found)
        environment = self._build_environment(script)
        self.permit, self.found, self.name = Permit(), found, script.name
        content = self.request.content
        return Invocation(
            self.run_id, script, environment, stdin=content, permit=self.permit
        )

    def _build_environment(self, script: Script) -> dict[str, str]:
        environment = build_metavariables(
            self.request, script, self.server, self.run_id, self.redirect
        )
        return environment | user_variables(self.user) if self.user else environment

    def _prepare_upgrade(self, script: Script) -> Upgrade | None:
        """Return what lets a page be a WebSocket, if its client has asked for that."""
        mount, request = script.mount, self.request
        if "upgrade" not in request.fields or self.hops:
            return None
        if not (script.is_page and mount.websocket and asks_for_websocket(request)):
            return None
        return Upgrade(answer_handshake(request))

    def wants(self, document: Document) -> bool:
        """Tell whether the client gets what the script prints."""
        if document.sendfile is not None or not document.allows_content:
            return False
        if self.is_permitted:
            return False
        return judge_conditions(self.request, document) is None

    def follow(self, request: Request, status: int = HTTPStatus.OK) -> None:
        """Go on with another resource of ours; scripts see where the request came from.

        Raises HTTPError 500 if a script made up a path that is none.
        """
        try:
            target = parse_target(request.target)
        except HTTPError as exc:
            reason = f"redirect to {request.target[:80]!r}: {exc.reason}"
            if exc.status != HTTPStatus.BAD_REQUEST:
                raise HTTPError(exc.status, reason) from exc
            raise HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, reason) from exc
        self.redirect = redirect_variables(
            self.request, self.target.path, int(status), self.redirect
        )
        self.request, self.target = request, target
        self.permit = self.found = None
        self.name = target.path
        self.hops += 1

    def complete(self, response: Response) -> Response:
        """Add what every response of the site has, and who has asked."""
        if self.site.headers:
            response = add_fields(response, self.site.headers)
        return response._replace(user=self.user) if self.user else response


def close_content(request: Request) -> None:
    """Close what a request has brought, which no run will read."""
    if request.content is not None:
        request.content.close()
