"""One connection: tremolo's protocol on one side, Request and Response on the other.

The only file that knows tremolo.  Heads and framing are read by our own strict
parsers, because tremolo accepts what could smuggle a request, and written straight to
the transport, because its queues have no back-pressure.  Tremolo's own machinery is
left in place for connections that are upgraded.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import cast

from tremolo import Tremolo
from tremolo.lib.http_protocol import HTTPProtocol

from httpout_cgi.access_log import Entry
from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Endpoints, Fields, Request, Response
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.reception import Reception
from httpout_cgi.processes.sending import Sender
from httpout_cgi.protocol.forwarded import resolve_request
from httpout_cgi.protocol.request_head import RequestHead
from httpout_cgi.protocol.response_head import Framing, frame, render_head

_log = logging.getLogger(__name__)

# nginx's word for a client that left before it was answered.
_CLIENT_CLOSED_REQUEST = 499
# A client that has closed its side may still read (RFC 9112 section 9.6): a quick
# answer reaches it.  After that we take it that it has gone.
_HALF_CLOSED_SECONDS = 3.0
# After an early answer, read a little of what the client is still sending: closing
# at once would reset the connection, and the answer would be lost.
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 1024 * 1024
# A client must send its content at 500 bytes/s, or time out (Apache's MinRate).
_MINIMUM_RATE = 500
# Requests that wait behind the current one; more than this stays in the kernel.
_PIPELINE_BYTES = 64 * 1024
_NEVER = float("inf")


class _State(Enum):
    IDLE = auto()  # between requests, or within a head
    CONTENT = auto()  # within the content of a request
    BUSY = auto()  # answering
    LINGERING = auto()  # answered, waiting for the client to close
    CLOSED = auto()


def make_factory() -> Callable[[HTTPServer], asyncio.Protocol]:
    """Return what makes the connections of one worker, sharing one tremolo app."""
    app = Tremolo()
    app.logger = _log
    # Tremolo looks this up when a connection is lost; runs have limits of their own.
    options = {"app_close_timeout": 30, "app_handler_timeout": 120}
    app.context.update(options=options, connections=set())
    return lambda server: Connection(app, options, server)


class Connection(HTTPProtocol):  # type: ignore[misc]  # tremolo has no types
    """One client's connection: one request after the other.

    Only the loop thread touches it.  ``deadline`` is when ``expire`` is to be called.
    """

    def __init__(
        self, app: Tremolo, options: dict[str, int], server: HTTPServer
    ) -> None:
        super().__init__(app, lock=None, options=options)
        self.deadline = _NEVER
        self._http = server
        self._state = _State.IDLE
        self._reception = Reception()
        self._task: asyncio.Task[None] | None = None
        self._reading = True
        self._ended = False  # the client closed its side
        self._in_head = False
        self._started = 0.0  # when the content of a request began to be expected
        self._lingered = 0
        self._unsent = 0  # what the transport's buffer held when last looked at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.context.update(transport=transport)
        self._wire = cast(asyncio.Transport, transport)
        self._sender = Sender(self._wire)
        self._endpoints = _read_endpoints(self._wire)
        self.deadline = self.loop.time() + self._http.limits.head_timeout
        if not self._http.add(self):
            status = HTTPStatus.SERVICE_UNAVAILABLE
            fields = [("Retry-After", "5")]
            self._refuse(HTTPError(status, "too many connections", fields=fields))

    def connection_lost(self, exc: Exception | None) -> None:
        self._state = _State.CLOSED
        self._http.discard(self)
        self._reception.close()
        if self._task is not None:
            self._task.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._sender.pause()
        self._unsent = self._wire.get_write_buffer_size()
        self.deadline = self.loop.time() + self._http.limits.send_timeout

    def resume_writing(self) -> None:
        self._sender.resume()
        if self._state is _State.LINGERING:
            self.deadline = self.loop.time() + _LINGER_SECONDS
        else:
            self.deadline = self._half_closed_deadline() if self._ended else _NEVER

    def data_received(self, data: bytes) -> None:
        if self._state is _State.LINGERING:
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self.abort()
            return
        self._reception.feed(data)
        if self._state is _State.BUSY:
            self._hold_back()
        elif self._state is not _State.CLOSED:
            self._advance()

    def eof_received(self) -> bool:
        self._ended = True
        if self._state is _State.BUSY:
            self.deadline = self._half_closed_deadline()
            return True
        self._wire.close()
        return False

    def expire(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._state is _State.IDLE and not self._reception.waiting:
            self._wire.close()
        elif self._state in (_State.IDLE, _State.CONTENT):
            self._refuse(HTTPError(HTTPStatus.REQUEST_TIMEOUT, "the client is slow"))
        elif self._has_progressed():
            self.deadline = now + self._http.limits.send_timeout
        else:
            self.abort()

    def drain(self) -> None:
        """Close now if idle, else behind the response that is under way."""
        if self._state is _State.IDLE and not self._reception.waiting:
            self._wire.close()

    def abort(self) -> None:
        """Close at once, whatever is under way: the client sees that it was cut."""
        self._wire.abort()

    def _half_closed_deadline(self) -> float:
        return cast(float, self.loop.time()) + _HALF_CLOSED_SECONDS

    def _has_progressed(self) -> bool:
        unsent, self._unsent = self._unsent, self._wire.get_write_buffer_size()
        return 0 < self._unsent < unsent

    def _hold_back(self) -> None:
        if self._reading and len(self._reception.waiting) > _PIPELINE_BYTES:
            self._reading = False
            self._wire.pause_reading()

    def _advance(self) -> None:
        """Look at what has been received, and answer it if it is a request."""
        reception = self._reception
        try:
            head = reception.advance(self._http.limits)
        except HTTPError as error:
            self._refuse(error)
            return
        if head is not None:
            self._dispatch(head)
        elif reception.head is not None:
            self._await_content()
        elif reception.waiting and not self._in_head:
            self._in_head = True
            self.deadline = self.loop.time() + self._http.limits.head_timeout

    def _await_content(self) -> None:
        spool = self._reception.spool
        assert spool is not None
        if self._state is _State.IDLE:
            self._state = _State.CONTENT
            self._started = self.loop.time()
            if self._reception.is_continue_due():
                self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        allowed = self._http.limits.body_timeout + spool.size / _MINIMUM_RATE
        self.deadline = self._started + allowed

    def _dispatch(self, head: RequestHead) -> None:
        spool = self._reception.spool
        request = Request(
            head.method,
            head.target,
            head.version,
            head.fields,
            self._endpoints,
            spool.finish() if spool is not None else None,
            spool.size if spool is not None else None,
        )
        request = resolve_request(request, self._http.trusted)
        self._reception.reset()
        self._in_head = False
        self._state = _State.BUSY
        self.deadline = _NEVER
        self._task = self.loop.create_task(self._answer(request, head.keep_alive))

    async def _answer(self, request: Request, keep_alive: bool) -> None:
        started = self.loop.time()
        status = _CLIENT_CLOSED_REQUEST
        try:
            response = await self._http.gateway.handle(request, self._send_interim)
            status = response.status
            close = not keep_alive or self._ended or self._http.draining
            framing = frame(request.method, request.version, response, close=close)
            await self._send(response, framing)
        finally:
            self._task = None
            self._record(request, status, started)
        self._finish(framing)

    async def _send(self, response: Response, framing: Framing) -> None:
        try:
            await self._sender.send(response, framing, self._http.added_fields())
        except Exception as exc:
            # Cut off: a client must not take half a response for a whole one.
            _log.error("response cut off after %d bytes: %s", self._sender.sent, exc)
            self.abort()

    def _send_interim(self, status: int, fields: Fields) -> None:
        framing = Framing(head_only=True, chunked=False, close=False, explicit=False)
        self._wire.write(render_head(Response(status, fields), framing, None, ""))

    def _finish(self, framing: Framing) -> None:
        """Get ready for the next request, or close."""
        if self._state is not _State.BUSY:
            return
        if framing.close or self._http.draining or self._ended:
            self._close()
            return
        self._state = _State.IDLE
        self.deadline = self.loop.time() + self._http.limits.keep_alive
        if not self._reading:
            self._reading = True
            self._wire.resume_reading()
        if self._reception.waiting:
            self._advance()

    def _refuse(self, error: HTTPError) -> None:
        """Answer what is no request, or not one that we take; then close."""
        response = self._http.gateway.refuse(error)
        assert isinstance(response.body, bytes)
        framing = Framing(head_only=False, chunked=False, close=True, explicit=False)
        added = self._http.added_fields()
        head = render_head(response, framing, len(response.body), added)
        self._wire.write(head + response.body)
        self._http.access_log.record(
            Entry(
                client=self._endpoints.peer_address,
                request=None,
                request_line="",
                status=response.status,
                sent=len(response.body),
                seconds=0.0,
            )
        )
        self._reception.close()
        self._close()

    def _close(self) -> None:
        """Close our side; the client's is closed when it has read what we sent."""
        self._state = _State.LINGERING
        self.deadline = self.loop.time() + _LINGER_SECONDS
        self._unsent = self._wire.get_write_buffer_size() + 1
        if self._ended or not self._wire.can_write_eof():
            self._wire.close()
            return
        if not self._reading:
            self._reading = True
            self._wire.resume_reading()
        self._wire.write_eof()

    def _record(self, request: Request, status: int, started: float) -> None:
        self._http.access_log.record(
            Entry(
                client=request.endpoints.peer_address,
                request=request,
                request_line=f"{request.method} {request.target} {request.version}",
                status=status,
                sent=self._sender.sent,
                seconds=self.loop.time() - started,
            )
        )


def _read_endpoints(transport: asyncio.BaseTransport) -> Endpoints:
    sock = transport.get_extra_info("socket")
    scheme = "https" if transport.get_extra_info("sslcontext") else "http"
    if sock.family == socket.AF_UNIX:
        return Endpoints(scheme, "", 0, "", 0)
    try:
        peer = sock.getpeername()
    except OSError:  # it has gone already; connection_lost follows
        peer = ("", 0)
    local = sock.getsockname()
    return Endpoints(scheme, _plain(peer[0]), peer[1], _plain(local[0]), local[1])


def _plain(address: str) -> str:
    """Return the IPv4 address in ``::ffff:192.0.2.1``, and no zone (``%eth0``)."""
    address = address.partition("%")[0]
    if address.startswith("::ffff:"):
        mapped = ipaddress.IPv6Address(address).ipv4_mapped
        return str(mapped) if mapped is not None else address
    return address
