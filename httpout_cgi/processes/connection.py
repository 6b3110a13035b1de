"""One connection: tremolo's protocol on one side, Request and Response on the other.

The only file that knows tremolo.  Heads and framing are read by our own strict
parsers, because tremolo accepts what could smuggle a request, and written straight to
the transport, because its queues have no back-pressure.  What becomes a WebSocket is
handed over.
"""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import cast

from tremolo import Tremolo
from tremolo.lib.http_protocol import HTTPProtocol

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Request, Response
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.lingering import linger
from httpout_cgi.processes.reception import Reception
from httpout_cgi.processes.responder import Responder
from httpout_cgi.processes.sending import Sender
from httpout_cgi.processes.websocket import WebSocketLink
from httpout_cgi.processes.wire import MINIMUM_RATE, reset
from httpout_cgi.protocol.request_head import RequestHead
from httpout_cgi.protocol.response_head import Framing

_log = logging.getLogger(__name__)

# A client that has closed its side may still read (RFC 9112 section 9.6): a quick
# answer reaches it, and so does one that it keeps taking.  One that is silent for
# longer than this is dropped: most probably the client has gone.
_HALF_CLOSED_SECONDS = 3.0
# Requests that wait behind the current one; more than this stays in the kernel.
_PIPELINE_BYTES = 64 * 1024
# The request of a client that has just connected is on its way.
_FRESH_SECONDS = 1.0
_NEVER = float("inf")


class _State(Enum):
    IDLE = auto()  # between requests, or within a head
    JUDGING = auto()  # behind a head: shall its content come?
    CONTENT = auto()  # within the content of a request
    BUSY = auto()  # answering
    CLOSED = auto()  # cut off, or left to Lingering


# To look one up in its class takes 60 ns in Python 3.11, and a request needs ten.
_IDLE, _JUDGING, _CONTENT, _BUSY, _CLOSED = _State


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
        self._state = _IDLE
        self._reception = Reception()
        self._task: asyncio.Task[None] | None = None
        self._reading = True
        self._ended = False  # the client closed its side
        self._began = 0.0  # when the first byte of a request came; 0 between them
        self._content_due = 0.0
        self._idle_from = _NEVER

    @property
    def idle_from(self) -> float:
        """Return from when on it may be closed to make room for others."""
        is_idle = self._state is _IDLE and not self._reception.waiting
        return self._idle_from if is_idle else _NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.context.update(transport=transport)
        self._wire = cast(asyncio.Transport, transport)
        self._sender = Sender(self._wire)
        try:
            self._responder = Responder(self._server, self._wire, self._sender)
        except OSError:
            self.abort()
            return
        now = self.loop.time()
        self.deadline = now + self._server.limits.head_timeout
        self._idle_from = now + _FRESH_SECONDS
        if not self._server.add(self):
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._state in (_JUDGING, _CONTENT):
            reception = self._reception
            head, line = reception.head, reception.first_line
            self._responder.record_loss(head, line, self._began)
        self._state = _CLOSED
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
        if self._state in (_BUSY, _JUDGING):
            self._hold_back()
        elif self._state is not _CLOSED:
            self._advance()

    def eof_received(self) -> bool:
        self._ended = True
        if self._state in (_BUSY, _JUDGING):
            self._set_busy_deadline()
        elif self._state is _CONTENT or self._reception.waiting:
            # RFC 9112 section 8: an incomplete request may be answered.
            self._refuse(HTTPError(HTTPStatus.BAD_REQUEST, "the request is cut off"))
        else:
            self._close(half=False)
        # Of TLS, no side can be closed alone (RFC 5246 section 7.2.1).
        return self._wire.can_write_eof()

    def expire(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._state is _IDLE and not self._reception.waiting:
            self._close(half=False)
        elif self._state in (_IDLE, _CONTENT):
            self._refuse(HTTPError(HTTPStatus.REQUEST_TIMEOUT, "the client is slow"))
        elif self._sender.has_progressed(self._server.limits.send_timeout):
            self._set_busy_deadline()
        else:
            self.abort()

    def drain(self) -> None:
        """Close now if idle, else behind the response that is under way."""
        if self._state is _IDLE and not self._reception.waiting:
            self._close(half=False)

    def abort(self) -> None:
        """Close at once, whatever is under way: the client sees that it was cut."""
        self._state = _CLOSED
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
        if self._state is not _BUSY:
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

    def _resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self._wire.resume_reading()

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
        if self._state is _IDLE:
            self._state = _JUDGING
            self._began = self._began or self.loop.time()
            self.deadline = _NEVER
            self._task = self.loop.create_task(self._judge())
        else:
            self.deadline = self._content_due + spool.size / MINIMUM_RATE

    async def _judge(self) -> None:
        """Answer a request that needs no content, else let its content come."""
        head = self._reception.head
        assert head is not None
        request = self._responder.make_request(head, None, None)
        try:
            response = await self._server.gateway.answer_early(request)
            if response is not None:
                await self._answer_early(request, response)
        finally:
            self._task = None
        if self._state is _JUDGING:
            self._take_content()

    async def _answer_early(self, request: Request, response: Response) -> None:
        """Answer, and close: the content that may be on its way is nobody's."""
        self._reception.close()
        if self._state is _JUDGING:
            self._state = _BUSY
            self._set_busy_deadline()
        await self._answer(request, False, response)

    def _take_content(self) -> None:
        self._state = _CONTENT
        self._content_due = self.loop.time() + self._server.limits.body_timeout
        self._resume_reading()
        self._advance()
        if self._state is not _CONTENT:
            return
        if self._ended:
            self._refuse(HTTPError(HTTPStatus.BAD_REQUEST, "the request is cut off"))
        elif self._reception.is_continue_due():
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _dispatch(self, head: RequestHead) -> None:
        spool = self._reception.spool
        make_request = self._responder.make_request
        if spool is None:
            request = make_request(head, None, None)
        else:
            request = make_request(head, spool.finish(), spool.size)
        self._reception.reset()
        self._state = _BUSY
        self._set_busy_deadline()
        self._task = self.loop.create_task(self._answer(request, head.keep_alive))

    async def _answer(
        self, request: Request, keep_alive: bool, response: Response | None = None
    ) -> None:
        began, self._began = self._began or self.loop.time(), 0.0
        try:
            framing = await self._responder.answer(
                request, began, keep_alive, self, response
            )
        finally:
            self._task = None
        if framing is None:
            self.abort()
        else:
            # With an answer that was known early, content may be on its way.
            self._finish(framing, waits=response is not None)

    def is_last(self) -> bool:
        """Tell whether no request can come after the current one."""
        return self._ended and not self._reception.waiting

    def _finish(self, framing: Framing, *, waits: bool) -> None:
        """Get ready for the next request, or close; ``waits``: see ``_close``."""
        if self._state is not _BUSY:
            return
        if framing.close or self._server.draining:
            self._close(waits=waits)
            return
        self._state = _IDLE
        self._idle_from = self.loop.time()
        self.deadline = self._idle_from + self._server.limits.keep_alive
        self._resume_reading()
        if self._reception.waiting:
            self._advance()
        if self._ended and self._state in (_IDLE, _CONTENT):
            self._close()

    def hand_over(self) -> WebSocketLink:
        """Leave the transport to a WebSocket, and what came behind its handshake."""
        if self._state is not _BUSY or self._task is None:
            raise ConnectionAbortedError("the client has gone")
        self._state = _CLOSED
        end = self._task.cancel
        link = WebSocketLink(self._server, self._wire, end, paused=self._sender.paused)
        self._wire.set_protocol(link)
        self._server.replace(self, link)
        self._resume_reading()
        waiting = self._reception.waiting
        self._reception.close()
        link.data_received(waiting)
        if self._ended:
            link.eof_received()
        if self._server.draining:
            link.drain()
        return link

    def _refuse(self, error: HTTPError) -> None:
        """Answer what is no request, or not one that we take; then close."""
        head, line = self._reception.head, self._reception.first_line
        self._responder.refuse(error, head, line, self._began or self.loop.time())
        self._reception.close()
        self._close(waits=True)

    def _close(self, *, half: bool = True, waits: bool = False) -> None:
        """Close our side behind what was sent, and the client's later if ``half``.

        ``waits``: it may be sending still, see Lingering.
        """
        self._state = _CLOSED
        linger(
            self,
            self._server,
            self._wire,
            half=half and not self._ended,
            waits=waits,
            resumes=not self._reading,
        )
