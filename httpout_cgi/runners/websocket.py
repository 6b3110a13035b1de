"""``websocket`` of a page: the same names as tremolo's, over a link to the client.

The page accepts, or answers as any other page does, with a 403 for instance: that the
Origin is one of ours is for the page to see (RFC 6455 section 10.2).
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tremolo.exceptions import (
    WebSocketClientClosed,
    WebSocketException,
    WebSocketServerClosed,
)

from httpout_cgi.interpreter.page import Page
from httpout_cgi.messages import Fields, Link
from httpout_cgi.protocol.websocket_frames import FAILED, LONGEST_CONTROL, NORMAL

_T = TypeVar("_T")

# What the handshake, and the framing of what comes behind it, has settled.
_NOT_FOR_PAGES = frozenset(
    (
        *("connection", "upgrade", "keep-alive", "date", "server", "status"),
        *("content-length", "transfer-encoding", "sec-websocket-accept"),
        *("sec-websocket-extensions", "sec-websocket-version"),
    )
)


# Both: pages for httpout catch the one, and nobody has to be told of the other when a
# script ends with it.
class WebSocketClosed(WebSocketClientClosed, BrokenPipeError):  # type: ignore[misc]  # tremolo has no types
    """The connection is closed, whoever did it; ``code`` says why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the WebSocket is closed ({code})")
        self.code = code


class Upgrade:
    """What becomes of a request for a WebSocket; the page and the gateway meet here.

    ``accepted`` has the fields of the 101 when the page has accepted; ``opened`` the
    link when that was sent.  Only the loop's thread changes it, but for ``code``, which
    is what a page that ends leaves to the client.
    """

    def __init__(self, handshake: Fields) -> None:
        self.loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[Fields] = self.loop.create_future()
        self.opened: asyncio.Future[Link] = self.loop.create_future()
        self.code = NORMAL
        self._handshake = handshake

    def accept(self, fields: Fields) -> None:
        """Let the gateway send a 101, with fields that the page has set."""
        own = [one for one in fields if one[0].lower() not in _NOT_FOR_PAGES]
        self.accepted.set_result((*self._handshake, *own))

    def open(self, link: Link) -> None:
        """Let the page use the connection."""
        if not self.opened.done():
            self.opened.set_result(link)


class WebSocket:
    """What a page sees of it.  Its coroutines are for run() and wait()."""

    def __init__(self, upgrade: Upgrade, page: Page) -> None:
        self._upgrade = upgrade
        self._page = page

    def __aiter__(self) -> "WebSocket":
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None

    async def accept(self) -> None:
        """Send the 101, with what the page has set of its response; once.

        All others do so, if it was not done: a page needs it only to accept and wait.
        """
        await self._get_link()

    async def receive(self, timeout: float | None = None) -> str | bytes:
        """Wait for a message and return it; WebSocketClosed if there is no other.

        Raises WebSocketServerClosed after ``timeout`` seconds; it stays open.
        """
        link = await self._get_link()
        try:
            return await asyncio.wait_for(self._watch(link.receive()), timeout)
        except asyncio.TimeoutError as exc:
            raise WebSocketServerClosed("receive timeout", code=NORMAL) from exc

    async def recv(self, timeout: float | None = None) -> bytes:
        """Do as receive(), but return text as bytes, too."""
        message = await self.receive(timeout)
        return message.encode() if isinstance(message, str) else message

    # Any: what is not right is told below, where it was given.
    async def send(self, data: Any, fin: int = 1, opcode: int | None = None) -> None:
        """Send text, or bytes; wait while the client is slow.

        ``fin=0`` is a part of a message.  Raises WebSocketClosed.
        """
        if opcode not in (None, 0, 1, 2):
            raise ValueError("opcode: 1 or 2; ping(), pong() and close() are there")
        if opcode == 1 and not isinstance(data, str):
            data = bytes(data).decode()
        elif not isinstance(data, str):
            data = _to_bytes(data)
        elif opcode == 2:
            data = data.encode()
        link = await self._get_link()
        await self._watch(link.send(data, is_last=bool(fin)))

    async def ping(self, data: bytes = b"") -> None:
        """Ask the client for a pong; idle ones are asked anyway."""
        payload = _check_control(data)
        link = await self._get_link()
        await self._watch(link.send_control(payload, is_ping=True))

    async def pong(self, data: bytes = b"") -> None:
        """Send a pong that nobody has asked for; pings are answered anyway."""
        payload = _check_control(data)
        link = await self._get_link()
        await self._watch(link.send_control(payload, is_ping=False))

    async def close(self, code: int = NORMAL, *, timeout: float | None = None) -> None:
        """Close, and wait a few seconds for the client to do so."""
        # The others are what nobody sends (RFC 6455 section 7.4.1).
        if not (1000 <= code <= 1014 and code not in range(1004, 1007)) and not (
            3000 <= code <= 4999
        ):
            raise ValueError(f"no code to close with: {code}")
        link = await self._get_link()
        # A task, which says it even if there is no time to wait.
        closing = asyncio.ensure_future(link.close(code))
        try:
            await asyncio.wait([closing], timeout=timeout)
        finally:
            closing.cancel()

    # Any: an exception; tremolo's have a code.
    def fail(self, exc: Any) -> None:
        """Take note of what ends the page; any thread may."""
        is_meant = isinstance(exc, WebSocketException)
        self._upgrade.code = exc.code if is_meant else FAILED

    async def _get_link(self) -> Link:
        upgrade = self._upgrade
        if asyncio.get_running_loop() is not upgrade.loop:
            raise RuntimeError("a websocket is for coroutines of run() and wait()")
        if not upgrade.accepted.done():
            upgrade.accept(self._page.hand_over())
        # It is not this coroutine's to cancel.
        return await asyncio.shield(upgrade.opened)

    async def _watch(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        try:
            return await coroutine
        except WebSocketClosed:
            # A script that ends with it has not failed.
            self._page.run.is_reader_gone = True
            raise


# Any: as above.
def _to_bytes(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"a message is str or bytes, not {type(data).__name__}")


# Any: as above.
def _check_control(data: Any) -> bytes:
    payload = data.encode() if isinstance(data, str) else _to_bytes(data)
    if len(payload) > LONGEST_CONTROL:
        raise ValueError(f"a ping or pong has at most {LONGEST_CONTROL} bytes")
    return payload
