"""An open WebSocket: frames on the transport's side, messages on the page's.

Must not know tremolo, requests or scripts.  Closing handshake and pings are RFC 6455
sections 5.5 and 7.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.lingering import linger
from httpout_cgi.processes.wire import count_unsent, reset
from httpout_cgi.protocol.websocket_frames import (
    GOING_AWAY,
    LOST,
    CloseReceived,
    Data,
    Frames,
    PingReceived,
    Received,
)
from httpout_cgi.runners.websocket import WebSocketClosed

# Messages that the page has not asked for yet; more than this stays in the kernel.
_UNREAD_BYTES = 64 * 1024
# What a message costs beyond its bytes: empty ones must not pile up either.
_MESSAGE_BYTES = 64
# A message stays in memory, for as long as its client takes to end it (CWE-770), and
# not in a file as content does.  tremolo's limit, unless body_in_memory is larger.
_LARGE_MESSAGE = 2 << 20
# Then it is the turn of others: a client may send ten thousand in one go.
_FRAMES_AT_ONCE = 64
# For the client's answer to our close.
_CLOSE_SECONDS = 3.0
# As often as that, at most, are idle clients asked whether they are still there.
_LEAST_IDLE_SECONDS = 1.0
_NEVER = float("inf")


class WebSocketLink(asyncio.Protocol):
    """Takes over a transport; see messages.Link for what a page does with it.

    Only the loop thread touches it.  ``deadline`` is when ``expire`` is to be called.
    ``on_end`` is called, once, when nobody is there any more.
    """

    # Somebody is there: it makes room for nobody.
    idle_from = _NEVER

    def __init__(
        self,
        server: HTTPServer,
        wire: asyncio.Transport,
        on_end: Callable[[], object],
        *,
        paused: bool,
    ) -> None:
        self._server = server
        self._wire = wire
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        limits = server.limits
        in_memory = max(limits.body_in_memory, _LARGE_MESSAGE)
        self._frames = Frames(min(limits.request_body, in_memory))
        self._messages: deque[Data] = deque()
        self._unread = 0
        self._reading = True
        self._pumping = False
        self._paused = paused  # the transport has more than the client takes
        self._unsent = 0
        self._pong: bytes | None = None  # due as soon as there is room
        self._code = 0  # of its close, which has begun unless 0
        self._over = False
        self._heard = True  # something came since the last ping
        self._waiters: list[asyncio.Future[None]] = []
        self.deadline = self._next_ping()

    # For the page.

    async def receive(self) -> Data:
        while not self._messages:
            self._check_open()
            await self._wait()
        message = self._messages.popleft()
        self._unread -= len(message) + _MESSAGE_BYTES
        if not (self._reading or self._over):
            self._pump()
        return message

    async def send(self, data: Data, *, is_last: bool = True) -> None:
        await self._wait_for_room()
        self._wire.write(self._frames.encode(data, is_last=is_last))
        # A page that does nothing else must not stop the others.
        await asyncio.sleep(0)

    async def send_control(self, payload: bytes, *, is_ping: bool) -> None:
        await self._wait_for_room()
        encode = self._frames.encode_ping if is_ping else self._frames.encode_pong
        self._wire.write(encode(payload))

    async def close(self, code: int) -> None:
        self.begin_close(code)
        while not self._over:
            await self._wait()

    # For the server.

    def begin_close(self, code: int) -> None:
        """Tell the client that it is over; what it has sent is dropped."""
        if self._code:
            return
        self._code = code
        self._messages.clear()
        self._unread = 0
        self._wire.write(self._frames.encode_close(code))
        self.deadline = self._loop.time() + _CLOSE_SECONDS
        self._wake()
        self._pump()

    def drain(self) -> None:
        """Say that the server is leaving."""
        self.begin_close(GOING_AWAY)

    def abort(self) -> None:
        """Close at once: the client sees that it was cut."""
        self._code = self._code or LOST
        self.deadline = _NEVER
        reset(self._wire)

    def expire(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._code:
            self._leave()
        elif self._paused:
            self._drop_if_stuck(now)
        elif self._heard or not self._reading:
            # Who is not listened to cannot be heard.
            self._heard = False
            self._wire.write(self._frames.encode_ping(b""))
            self.deadline = self._next_ping()
        else:
            self.abort()

    # For the transport.

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._frames.feed(data)
        self._pump()

    def eof_received(self) -> bool:
        # No WebSocket is half open (RFC 6455 section 7.1.4).
        self._code = self._code or LOST
        self._leave(half=False)
        # What is returned has no effect under TLS, which complains of True.
        return self._wire.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.deadline = _NEVER
        self._code = self._code or LOST
        self._end()
        self._server.discard(self)

    def pause_writing(self) -> None:
        self._paused = True
        if not self._code:
            self._unsent = count_unsent(self._wire)
            self.deadline = self._loop.time() + self._server.limits.send_timeout

    def resume_writing(self) -> None:
        self._paused = False
        if self._code:
            return
        self.deadline = self._next_ping()
        if self._pong is not None:
            pong, self._pong = self._pong, None
            self._wire.write(self._frames.encode_pong(pong))
        self._wake()

    def _pump(self) -> None:
        """Take what has come, as long as somebody wants it."""
        self._pumping = False
        for count, event in enumerate(self._frames.read(), 1):
            self._take(event)
            if self._over:
                return
            if self._unread > _UNREAD_BYTES:
                self._read_on(False)
                return
            if count == _FRAMES_AT_ONCE:
                self._pump_later()
                return
        self._read_on(True)

    def _pump_later(self) -> None:
        self._read_on(False)
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump_again)

    def _pump_again(self) -> None:
        # A page that has received something meanwhile may have been quicker.
        if self._pumping and not self._over:
            self._pump()

    def _read_on(self, reading: bool) -> None:
        if reading != self._reading:
            self._reading = reading
            (self._wire.resume_reading if reading else self._wire.pause_reading)()

    def _take(self, event: Received) -> None:
        if isinstance(event, (str, bytes)):
            if not self._code:
                self._messages.append(event)
                self._unread += len(event) + _MESSAGE_BYTES
                self._wake()
        elif isinstance(event, PingReceived):
            self._answer_ping(event.payload)
        elif isinstance(event, CloseReceived):
            self._code = self._code or event.code
            self._wire.write(self._frames.encode_close(event.code, event.reason))
            # With a reason of ours, the client may still be sending.
            self._leave(waits=bool(event.reason))

    def _answer_ping(self, payload: bytes) -> None:
        if self._code:
            return
        if self._paused:
            # The last one is enough (section 5.5.3): a client that sends pings and
            # takes no pongs must not fill our memory.
            self._pong = payload
        else:
            self._wire.write(self._frames.encode_pong(payload))

    def _drop_if_stuck(self, now: float) -> None:
        before, self._unsent = self._unsent, count_unsent(self._wire)
        if self._unsent >= before:
            self.abort()
        else:
            self.deadline = now + self._server.limits.send_timeout

    def _leave(self, *, half: bool = True, waits: bool = False) -> None:
        """Close our side behind what was sent, and the client's later if ``half``.

        ``waits``: see Lingering; a client that has closed waits for us (section 7.1.1).
        """
        self._end()
        resumes, self._reading = not self._reading, True
        linger(self, self._server, self._wire, half=half, waits=waits, resumes=resumes)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._wake()
            self._on_end()

    async def _wait_for_room(self) -> None:
        while self._paused and not self._code:
            await self._wait()
        self._check_open()

    def _check_open(self) -> None:
        if self._code:
            raise WebSocketClosed(self._code)

    async def _wait(self) -> None:
        """Wait until something has changed."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _next_ping(self) -> float:
        idle = max(self._server.limits.keep_alive, _LEAST_IDLE_SECONDS)
        return self._loop.time() + idle
