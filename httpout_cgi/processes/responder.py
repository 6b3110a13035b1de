"""Answering the requests of one connection: the gateway asked, its response sent.

Every request leaves one line in the access log.  Must not know tremolo, or how
requests are received.
"""

import asyncio
import logging
from contextlib import aclosing
from http import HTTPStatus
from typing import BinaryIO, Protocol, cast

from httpout_cgi.errors import HTTPError
from httpout_cgi.log_format import Entry
from httpout_cgi.messages import Fields, Request, Response, Stream, Upgrade
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.sending import Sender
from httpout_cgi.processes.websocket import WebSocketLink
from httpout_cgi.processes.wire import read_endpoints
from httpout_cgi.protocol.forwarded import resolve_request
from httpout_cgi.protocol.request_head import RequestHead
from httpout_cgi.protocol.response_head import LAST, Framing, frame, render_head
from httpout_cgi.protocol.websocket_frames import FAILED

_log = logging.getLogger(__name__)

# nginx's word for a client that left before it was answered.
_CLIENT_CLOSED_REQUEST = 499
_LAST_HEAD = Framing(head_only=True, chunked=False, close=True, says_keep_alive=False)
_INTERIM = Framing(head_only=True, chunked=False, close=False, says_keep_alive=False)


class Asked(Protocol):
    """What a responder asks of the connection whose request it answers."""

    def is_last(self) -> bool:
        """Tell whether no request can come after the current one."""
        ...

    def hand_over(self) -> WebSocketLink:
        """Make a WebSocket of the connection."""
        ...


class Responder:
    """Answers one request after the other.  Only the loop thread touches it.

    Times are the loop's; ``began`` is when the first byte of a request came.  Does not
    hold the connection, which holds it: in a cycle, both would wait for the collector.
    Raises OSError if the client has gone already.
    """

    def __init__(
        self,
        server: HTTPServer,
        wire: asyncio.Transport,
        sender: Sender,
    ) -> None:
        self._endpoints = read_endpoints(wire)
        self._server = server
        self._wire = wire
        self._sender = sender
        self._loop = asyncio.get_running_loop()

    def make_request(
        self, head: RequestHead, content: BinaryIO | None, length: int | None
    ) -> Request:
        """Return the request that a head and the content behind it are."""
        request = Request(
            head.method,
            head.target,
            head.version,
            head.fields,
            self._endpoints,
            content,
            length,
            self._server.gateway.make_id(),
        )
        return resolve_request(request, self._server.trusted)

    async def answer(
        self,
        request: Request,
        began: float,
        keep_alive: bool,
        connection: Asked,
        response: Response | None = None,
    ) -> Framing | None:
        """Answer a request, and record it; ``response`` is its answer if that is known.

        Returns how it was framed, or None if it broke off where only a reset of the
        connection tells the client.
        """
        status, framing = _CLIENT_CLOSED_REQUEST, LAST
        fields: Fields = ()
        user = ""
        try:
            if response is None:
                gateway = self._server.gateway
                response = await gateway.handle(request, self._send_interim)
            status, fields, user = response.status, response.fields, response.user
            if response.upgrade is not None:
                await self._switch_protocols(connection, response, response.upgrade)
                return LAST
            last = not keep_alive or self._server.draining or connection.is_last()
            framing = frame(request.method, request.version, response, close=last)
            await self._sender.send(response, framing, self._server.added_fields())
        except Exception as exc:
            if self._sender.begun:
                return self._break_off(exc, framing)
            failure = HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, repr(exc))
            status = self._send_refusal(failure, request.method, request.id)
            return LAST
        finally:
            self._record(request, status, began, fields, user)
        return framing

    async def _switch_protocols(
        self, connection: Asked, response: Response, upgrade: Upgrade
    ) -> None:
        """Send a 101, and let a page have the connection until its run is over."""
        async with aclosing(cast(Stream, response.body)) as output:
            added = self._server.added_fields()
            self._sender.send_bytes(response, _INTERIM, b"", added)
            link = connection.hand_over()
            upgrade.open(link)
            try:
                async for _ in output:
                    pass  # a page does not print any more; its children may
            except HTTPError:
                link.begin_close(FAILED)
        link.begin_close(upgrade.code)

    def refuse(
        self, error: HTTPError, head: RequestHead | None, line: str, began: float
    ) -> None:
        """Answer what is no request, or not one that we take, and record it."""
        method = head.method if head is not None else line.partition(" ")[0]
        request_id = self._server.gateway.make_id()
        status = self._send_refusal(error, method, request_id)
        self._record_unread(head, line, status, began, request_id)

    def record_loss(self, head: RequestHead | None, line: str, began: float) -> None:
        """Record a request whose client left before all of it had come."""
        self._record_unread(head, line, _CLIENT_CLOSED_REQUEST, began, "")

    def _send_interim(self, status: int, fields: Fields) -> None:
        # It may be left out; and a client that does not read must not pile them up.
        if not (self._sender.paused or self._wire.is_closing()):
            self._wire.write(render_head(Response(status, fields), _INTERIM, None, ""))

    def _send_refusal(self, error: HTTPError, method: str, request_id: str) -> int:
        response = self._server.gateway.refuse(error, request_id)
        assert isinstance(response.body, bytes)
        framing = _LAST_HEAD if method == "HEAD" else LAST
        added = self._server.added_fields()
        self._sender.send_bytes(response, framing, response.body, added)
        return response.status

    def _break_off(self, exc: Exception, framing: Framing) -> Framing | None:
        """See that the client takes no half of a response for a whole one."""
        # The end of a run has been logged by who ended it.
        level = logging.DEBUG if isinstance(exc, HTTPError) else logging.ERROR
        _log.log(level, "response cut off after %d bytes: %s", self._sender.sent, exc)
        # Of chunks, the last one is missing then.
        return LAST if framing.chunked else None

    def _record_unread(
        self,
        head: RequestHead | None,
        line: str,
        status: int,
        began: float,
        request_id: str,
    ) -> None:
        if head is not None:
            request = self.make_request(head, None, None)._replace(id=request_id)
            self._record(request, status, began)
            return
        sent, heads = self._sender.take_counts()
        self._server.access_log.record(
            Entry(
                self._endpoints.peer_address,
                None,
                line,
                status,
                sent,
                self._loop.time() - began,
                run_id=request_id,
                head_sent=heads,
            )
        )

    def _record(
        self,
        request: Request,
        status: int,
        began: float,
        fields: Fields = (),
        user: str = "",
    ) -> None:
        sent, heads = self._sender.take_counts()
        if not self._server.access_log.is_read:
            return
        self._server.access_log.record(
            Entry(
                request.endpoints.peer_address,
                request,
                f"{request.method} {request.target} {request.version}",
                status,
                sent,
                self._loop.time() - began,
                fields,
                user or None,
                run_id=request.id,
                head_sent=heads,
            )
        )
