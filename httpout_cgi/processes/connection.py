"""One connection: tremolo's protocol on one side, Request and Response on the other.

The only file that knows tremolo.  Heads and framing are read by our own strict
parsers, because tremolo accepts what could smuggle a request, and written straight to
the transport, because its queues have no back-pressure.  Tremolo's own machinery is
left in place for connections that are upgraded.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from http import HTTPStatus
from typing import BinaryIO, cast

from tremolo import Tremolo
from tremolo.lib.http_protocol import HTTPProtocol

from httpout_cgi.errors import HTTPError
from httpout_cgi.log_format import Entry
from httpout_cgi.messages import Fields, Request, Response
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.lingering import Lingering
from httpout_cgi.processes.reception import Reception
from httpout_cgi.processes.sending import Sender
from httpout_cgi.processes.wire import read_endpoints, reset
from httpout_cgi.protocol.forwarded import resolve_request
from httpout_cgi.protocol.request_head import RequestHead
from httpout_cgi.protocol.response_head import Framing, frame, render_head

_log = logging.getLogger(__name__)

# nginx's word for a client that left before it was answered.
_CLIENT_CLOSED_REQUEST = 499
# A client that has closed its side may still read (RFC 9112 section 9.6): a quick
# answer reaches it, and so does one that it keeps taking.  One that is silent for
# longer than this is dropped: most probably the client has gone.
_HALF_CLOSED_SECONDS = 3.0
# A client must send its content at 500 bytes/s, or time out (Apache's MinRate).
_MINIMUM_RATE = 500
# Requests that wait behind the current one; more than this stays in the kernel.
_PIPELINE_BYTES = 64 * 1024
_NEVER = float("inf")
_LAST = Framing(head_only=False, chunked=False, close=True, says_keep_alive=False)
_LAST_HEAD = Framing(head_only=True, chunked=False, close=True, says_keep_alive=False)
_INTERIM = Framing(head_only=True, chunked=False, close=False, says_keep_alive=False)


class _State(Enum):
    IDLE = auto()  # between requests, or within a head
    CONTENT = auto()  # within the content of a request
    BUSY = auto()  # answering
    CLOSED = auto()  # cut off, or left to Lingering


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
        self._server = server
        self._state = _State.IDLE
        self._reception = Reception()
        self._task: asyncio.Task[None] | None = None
        self._reading = True
        self._ended = False  # the client closed its side
        self._began = 0.0  # when the first byte of a request came; 0 between them
        self._content_due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.context.update(transport=transport)
        self._wire = cast(asyncio.Transport, transport)
        self._sender = Sender(self._wire)
        try:
            self._endpoints = read_endpoints(self._wire)
        except OSError:
            self.abort()
            return
        self.deadline = self.loop.time() + self._server.limits.head_timeout
        if not self._server.add(self):
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._state is _State.CONTENT:
            self._record_refusal(_CLIENT_CLOSED_REQUEST, "")
        self._state = _State.CLOSED
        self.deadline = _NEVER
        self._reception.close()
        if self._task is None:
            self._server.discard(self)
        else:
            self._task.add_done_callback(lambda _: self._server.discard(self))
            self._task.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._sender.pause()
        self._set_busy_deadline()

    def resume_writing(self) -> None:
        self._sender.resume()
        self._set_busy_deadline()

    def data_received(self, data: bytes) -> None:
        self._reception.feed(data)
        if self._state is _State.BUSY:
            self._hold_back()
        elif self._state is not _State.CLOSED:
            self._advance()

    def eof_received(self) -> bool:
        self._ended = True
        if self._state is _State.BUSY:
            self._set_busy_deadline()
        elif self._state is _State.CONTENT or self._reception.waiting:
            # RFC 9112 section 8: an incomplete request may be answered.
            self._refuse(HTTPError(HTTPStatus.BAD_REQUEST, "the request is cut off"))
        else:
            self._close(half=False)
        return True

    def expire(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._state is _State.IDLE and not self._reception.waiting:
            self._close(half=False)
        elif self._state in (_State.IDLE, _State.CONTENT):
            self._refuse(HTTPError(HTTPStatus.REQUEST_TIMEOUT, "the client is slow"))
        elif self._sender.has_progressed():
            self._set_busy_deadline()
        else:
            self.abort()

    def drain(self) -> None:
        """Close now if idle, else behind the response that is under way."""
        if self._state is _State.IDLE and not self._reception.waiting:
            self._close(half=False)

    def abort(self) -> None:
        """Close at once, whatever is under way: the client sees that it was cut."""
        self._state = _State.CLOSED
        self.deadline = _NEVER
        reset(self._wire)

    def _turn_away(self) -> None:
        if self._server.is_flooded:
            self.abort()
            return
        status = HTTPStatus.SERVICE_UNAVAILABLE
        fields = [("Retry-After", "5")]
        self._refuse(HTTPError(status, "too many connections", fields=fields))

    def _set_busy_deadline(self) -> None:
        """Set the deadline for what the client has to do while it is answered."""
        if self._state is not _State.BUSY:
            return  # the deadline for what it has to send is in force
        if self._sender.paused:
            self.deadline = self.loop.time() + self._server.limits.send_timeout
        elif self._ended:
            self.deadline = self.loop.time() + _HALF_CLOSED_SECONDS
        else:
            self.deadline = _NEVER
            return
        self._sender.look()

    def _hold_back(self) -> None:
        if self._reading and len(self._reception.waiting) > _PIPELINE_BYTES:
            self._reading = False
            self._wire.pause_reading()

    def _advance(self) -> None:
        """Look at what has been received, and answer it if it is a request."""
        reception = self._reception
        try:
            head = reception.advance(self._server.limits)
        except HTTPError as error:
            self._refuse(error)
            return
        if head is not None:
            self._dispatch(head)
        elif reception.head is not None:
            self._await_content()
        elif reception.waiting and not self._began:
            self._began = self.loop.time()
            self.deadline = self._began + self._server.limits.head_timeout

    def _await_content(self) -> None:
        spool = self._reception.spool
        assert spool is not None
        if self._state is _State.IDLE:
            self._state = _State.CONTENT
            self._began = self._began or self.loop.time()
            self._content_due = self.loop.time() + self._server.limits.body_timeout
            if self._reception.is_continue_due():
                self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.deadline = self._content_due + spool.size / _MINIMUM_RATE

    def _dispatch(self, head: RequestHead) -> None:
        spool = self._reception.spool
        if spool is None:
            request = self._make_request(head, None, None)
        else:
            request = self._make_request(head, spool.finish(), spool.size)
        self._reception.reset()
        self._state = _State.BUSY
        self._set_busy_deadline()
        self._task = self.loop.create_task(self._answer(request, head.keep_alive))

    def _make_request(
        self, head: RequestHead, content: BinaryIO | None, length: int | None
    ) -> Request:
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

    async def _answer(self, request: Request, keep_alive: bool) -> None:
        began, self._began = self._began or self.loop.time(), 0.0
        status, framing = _CLIENT_CLOSED_REQUEST, _LAST
        fields: Fields = ()
        try:
            response = await self._server.gateway.handle(request, self._send_interim)
            status, fields = response.status, response.fields
            last = not keep_alive or self._server.draining or self._is_last()
            framing = frame(request.method, request.version, response, close=last)
            await self._sender.send(response, framing, self._server.added_fields())
        except Exception as exc:
            if self._sender.begun:
                self._cut_off(exc, framing)
            else:
                failure = HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, repr(exc))
                status = self._send_refusal(failure, request.method, request.id)
                framing = _LAST
        finally:
            self._task = None
            self._record(request, status, began, fields)
        self._finish(framing)

    def _is_last(self) -> bool:
        """Tell whether no request can come after the current one."""
        return self._ended and not self._reception.waiting

    def _cut_off(self, exc: Exception, framing: Framing) -> None:
        """Close, so that the client takes no half of a response for a whole one."""
        # The end of a run has been logged by who ended it.
        level = logging.DEBUG if isinstance(exc, HTTPError) else logging.ERROR
        _log.log(level, "response cut off after %d bytes: %s", self._sender.sent, exc)
        if framing.chunked:
            self._close()  # the last chunk is missing
        else:
            self.abort()

    def _send_interim(self, status: int, fields: Fields) -> None:
        # It may be left out; and a client that does not read must not pile them up.
        if self._state is _State.BUSY and not self._sender.paused:
            self._wire.write(render_head(Response(status, fields), _INTERIM, None, ""))

    def _finish(self, framing: Framing) -> None:
        """Get ready for the next request, or close."""
        if self._state is not _State.BUSY:
            return
        if framing.close or self._server.draining:
            self._close()
            return
        self._state = _State.IDLE
        self.deadline = self.loop.time() + self._server.limits.keep_alive
        if not self._reading:
            self._reading = True
            self._wire.resume_reading()
        if self._reception.waiting:
            self._advance()
        if self._ended and self._state in (_State.IDLE, _State.CONTENT):
            self._close()

    def _refuse(self, error: HTTPError) -> None:
        """Answer what is no request, or not one that we take; then close."""
        head = self._reception.head
        line = self._reception.first_line
        method = head.method if head is not None else line.partition(" ")[0]
        request_id = self._server.gateway.make_id()
        status = self._send_refusal(error, method, request_id)
        self._record_refusal(status, request_id)
        self._reception.close()
        self._close()

    def _send_refusal(self, error: HTTPError, method: str, request_id: str) -> int:
        response = self._server.gateway.refuse(error, request_id)
        assert isinstance(response.body, bytes)
        framing = _LAST_HEAD if method == "HEAD" else _LAST
        added = self._server.added_fields()
        self._sender.send_bytes(response, framing, response.body, added)
        return response.status

    def _close(self, *, half: bool = True) -> None:
        """Close our side behind what was sent, and the client's later if ``half``."""
        self._state = _State.CLOSED
        successor = Lingering(self._server, self._wire)
        self._wire.set_protocol(successor)
        self._server.replace(self, successor)
        if not self._reading:
            self._wire.resume_reading()
        successor.begin(half=half and not self._ended)

    def _record_refusal(self, status: int, request_id: str) -> None:
        head, began = self._reception.head, self._began or self.loop.time()
        if head is not None:
            request = replace(self._make_request(head, None, None), id=request_id)
            self._record(request, status, began)
            return
        sent, heads = self._sender.take_counts()
        self._server.access_log.record(
            Entry(
                self._endpoints.peer_address,
                None,
                self._reception.first_line,
                status,
                sent,
                self.loop.time() - began,
                run_id=request_id,
                head_sent=heads,
            )
        )

    def _record(
        self, request: Request, status: int, began: float, fields: Fields = ()
    ) -> None:
        sent, heads = self._sender.take_counts()
        self._server.access_log.record(
            Entry(
                request.endpoints.peer_address,
                request,
                f"{request.method} {request.target} {request.version}",
                status,
                sent,
                self.loop.time() - began,
                fields,
                run_id=request.id,
                head_sent=heads,
            )
        )
