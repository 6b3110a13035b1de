"""An open WebSocket on a wire that only remembers: slow, silent and lost clients."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from httpout_cgi.config import Limits
from httpout_cgi.processes import websocket
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.lingering import Lingering
from httpout_cgi.processes.websocket import WebSocketLink
from httpout_cgi.runners.websocket import WebSocketClosed
from tests.fake_wire import FakeWire, make_wire
from tests.websocket_client import CLOSE, PING, TEXT, make_frame

_EMPTY_PING = b"\x89\x00"


@dataclass
class FakeServer:
    """What a link wants of a server."""

    limits: Limits = field(default_factory=Limits)
    connections: list[object] = field(default_factory=list)

    def replace(self, connection: object, successor: object) -> None:
        self.connections = [successor]

    def discard(self, connection: object) -> None:
        self.connections.remove(connection)


@dataclass
class Stage:
    """A link, and what it was given."""

    link: WebSocketLink
    wire: FakeWire
    server: FakeServer
    ends: list[str]


def play(test: Callable[[Stage], Awaitable[None]]) -> None:
    """Run a test with a link that is open since now."""

    async def run() -> None:
        server, ends = FakeServer(), list[str]()
        real: HTTPServer = server  # type: ignore[assignment]  # enough of one
        link = WebSocketLink(real, wire, lambda: ends.append("end"), paused=False)
        server.connections.append(link)
        await test(Stage(link, wire, server, ends))

    with make_wire() as wire:
        asyncio.run(run())


def expire(link: WebSocketLink) -> None:
    link.expire(link.deadline)


def test_who_is_silent_is_asked_and_then_dropped() -> None:
    async def test(stage: Stage) -> None:
        for _ in range(3):
            expire(stage.link)
            stage.link.data_received(make_frame(TEXT, b"here"))
        assert stage.wire.written == _EMPTY_PING * 3
        expire(stage.link)
        expire(stage.link)
        assert stage.wire.done == ["abort"]
        assert stage.link.deadline == float("inf")

    play(test)


def test_who_is_not_listened_to_is_not_dropped() -> None:
    async def test(stage: Stage) -> None:
        stage.link.data_received(make_frame(TEXT, b"x" * 70_000) * 2)
        assert stage.wire.done == ["pause_reading"]
        for _ in range(3):
            expire(stage.link)
        assert stage.wire.written == _EMPTY_PING * 3
        assert await stage.link.receive() == "x" * 70_000
        assert stage.wire.done == ["pause_reading"]
        assert await stage.link.receive() == "x" * 70_000
        assert stage.wire.done == ["pause_reading", "resume_reading"]

    play(test)


def test_a_client_gets_one_turn_after_the_other() -> None:
    async def test(stage: Stage) -> None:
        stage.link.data_received(make_frame(PING, b"p") * 100)
        answered = len(stage.wire.written) // 3
        assert answered < 100
        assert stage.wire.done == ["pause_reading"]
        await asyncio.sleep(0)
        assert len(stage.wire.written) == 300
        assert stage.wire.done == ["pause_reading", "resume_reading"]

    play(test)


def test_a_page_may_be_quicker_than_the_next_turn() -> None:
    async def test(stage: Stage) -> None:
        stage.link.data_received(make_frame(TEXT, b"m") * 100)
        for _ in range(100):
            assert await stage.link.receive() == "m"
        await asyncio.sleep(0)
        assert stage.wire.done == ["pause_reading", "resume_reading"]

    play(test)


def test_nobody_writes_while_the_client_is_slow() -> None:
    async def test(stage: Stage) -> None:
        stage.link.pause_writing()
        sending = asyncio.ensure_future(stage.link.send("text"))
        pinging = asyncio.ensure_future(stage.link.send_control(b"p", is_ping=True))
        # Its pongs must not pile up either: the last one is enough.
        stage.link.data_received(make_frame(PING, b"one") + make_frame(PING, b"two"))
        await asyncio.sleep(0)
        assert stage.wire.written == b""
        stage.link.resume_writing()
        await asyncio.gather(sending, pinging)
        assert stage.wire.written == b"\x8a\x03two\x81\x04text\x89\x01p"

    play(test)


def test_who_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = [300, 200, 200]
    monkeypatch.setattr(websocket, "count_unsent", lambda wire: counts.pop(0))

    async def test(stage: Stage) -> None:
        stage.link.pause_writing()
        expire(stage.link)
        assert stage.wire.done == []
        expire(stage.link)
        assert stage.wire.done == ["abort"]

    play(test)


def test_a_close_waits_for_the_other_one() -> None:
    async def test(stage: Stage) -> None:
        closing = asyncio.ensure_future(stage.link.close(1000))
        await asyncio.sleep(0)
        # What comes meanwhile is for nobody.
        stage.link.data_received(make_frame(TEXT, b"late") + make_frame(PING))
        stage.link.pause_writing()
        stage.link.resume_writing()
        stage.link.begin_close(1001)
        assert (stage.wire.written, stage.ends) == (b"\x88\x02\x03\xe8", [])
        stage.link.data_received(make_frame(CLOSE, b"\x03\xe8"))
        await closing
        assert (stage.wire.done, stage.ends) == (["write_eof"], ["end"])
        assert isinstance(stage.wire.protocol, Lingering)
        assert stage.server.connections == [stage.wire.protocol]
        await stage.link.close(1000)

    play(test)


def test_a_close_does_not_wait_for_ever() -> None:
    async def test(stage: Stage) -> None:
        stage.link.drain()
        assert stage.wire.written == b"\x88\x02\x03\xe9"
        expire(stage.link)
        assert (stage.wire.done, stage.ends) == (["write_eof"], ["end"])

    play(test)


@pytest.mark.parametrize("way", ["eof", "lost", "abort"])
def test_who_waits_is_told_of_the_end(way: str) -> None:
    async def test(stage: Stage) -> None:
        stage.link.pause_writing()
        waiting = [
            asyncio.ensure_future(stage.link.receive()),
            asyncio.ensure_future(stage.link.send("text")),
        ]
        await asyncio.sleep(0)
        if way == "eof":
            assert stage.link.eof_received()
            assert stage.wire.done == ["close"]
        else:
            if way == "abort":
                stage.link.abort()
            stage.link.connection_lost(None)
            assert stage.server.connections == []
        for task in waiting:
            with pytest.raises(WebSocketClosed, match="1006"):
                await task
        assert stage.ends == ["end"]
        assert stage.wire.written == b""

    play(test)


def test_messages_outlive_the_close_of_the_client() -> None:
    async def test(stage: Stage) -> None:
        stage.link.data_received(make_frame(TEXT, b"last") + make_frame(CLOSE))
        assert await stage.link.receive() == "last"
        with pytest.raises(WebSocketClosed, match="1005"):
            await stage.link.receive()

    play(test)


def test_a_page_may_read_on_behind_the_end() -> None:
    async def test(stage: Stage) -> None:
        stage.link.data_received(make_frame(TEXT, b"x" * 70_000) * 2)
        stage.link.connection_lost(None)
        assert await stage.link.receive() == "x" * 70_000
        # The transport is gone: nobody may touch it any more.
        assert stage.wire.done == ["pause_reading"]

    play(test)


@pytest.mark.parametrize(
    ("in_memory", "longest"),
    [
        pytest.param(1 << 10, 2 << 20, id="of its own"),
        pytest.param(3 << 20, 3 << 20, id="raised by body_in_memory"),
        pytest.param(9 << 20, 4 << 20, id="but not over request_body"),
    ],
)
def test_one_message_does_not_fill_the_memory(in_memory: int, longest: int) -> None:
    async def test(stage: Stage) -> None:
        limits = Limits(request_body=4 << 20, body_in_memory=in_memory)
        server: HTTPServer = FakeServer(limits)  # type: ignore[assignment]  # as above
        link = WebSocketLink(server, stage.wire, lambda: None, paused=False)
        begin = b"\x02\xff" + longest.to_bytes(8, "big") + bytes(4)
        link.data_received(begin + bytes(longest))
        assert stage.wire.written == b""
        link.data_received(make_frame(0, b"x"))
        assert stage.wire.written[2:4] == (1009).to_bytes(2, "big")

    play(test)
