"""The end of a connection: how long it may take."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from httpout_cgi.config import Limits
from httpout_cgi.processes import lingering
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.lingering import Lingering
from tests.fake_wire import FakeWire, make_wire


@dataclass
class FakeServer:
    """What Lingering wants of a server."""

    limits: Limits = field(default_factory=Limits)
    discarded: list[object] = field(default_factory=list)

    def discard(self, connection: object) -> None:
        self.discarded.append(connection)


class Unsent:
    """What count_unsent is to say, look by look."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)

    def __call__(self, wire: asyncio.WriteTransport) -> int:
        return self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]


def linger(
    test: Callable[[Lingering, FakeWire, float], None],
    *unsent: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run a test with a connection that lingers since now, its third argument."""
    monkeypatch.setattr(lingering, "count_unsent", Unsent(*unsent))

    async def run() -> None:
        now = asyncio.get_running_loop().time()
        server: HTTPServer = FakeServer()  # type: ignore[assignment]  # enough of one
        test(Lingering(server, wire), wire, now)

    with make_wire() as wire:
        asyncio.run(run())


@pytest.mark.parametrize(
    ("half", "has_eof", "done"),
    [(True, True, "write_eof"), (False, True, "close"), (True, False, "close")],
)
def test_our_side_is_closed_first(
    half: bool, has_eof: bool, done: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        wire.has_eof = has_eof
        end.begin(half=half)
        assert wire.done == [done]

    linger(test, 0, monkeypatch=monkeypatch)


def test_a_silent_client_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        assert now < end.deadline < now + 10
        end.expire(end.deadline)
        assert wire.done == ["abort"]
        assert end.deadline == float("inf")

    linger(test, 500, 0, monkeypatch=monkeypatch)


def test_a_client_that_sends_may_go_on_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        deadlines = [now]
        monkeypatch.setattr(end._loop, "time", lambda: deadlines[-1])
        for _ in range(100):
            deadlines.append(end.deadline)
            end.data_received(b"more")
        assert now + 20 < end.deadline < now + 60

    linger(test, 0, monkeypatch=monkeypatch)


def test_a_client_that_takes_what_was_sent_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        for clock in (now + 2, now + 50, now + 100, now + 150):
            end.expire(clock)
            assert clock < end.deadline < clock + 10
        end.expire(now + 151)
        assert wire.done == ["abort"]

    unsent = (90_000, 80_000, 70_000, 60_000, 50_000, 0)
    linger(test, *unsent, monkeypatch=monkeypatch)


def test_a_client_that_takes_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        end.expire(now + 2)
        assert wire.done == []
        end.expire(now + 61)  # send_timeout is 60 s
        assert wire.done == ["abort"]

    linger(test, 900, monkeypatch=monkeypatch)


def test_a_client_that_takes_a_byte_now_and_then_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        # 60 s, and 1 s more for each 500 bytes.
        for clock in range(2, 158, 2):
            end.expire(now + clock)
            assert wire.done == [], clock
        end.expire(now + 162)
        assert wire.done == ["abort"]

    linger(test, *range(50_000, 49_000, -1), monkeypatch=monkeypatch)


def test_with_tls_the_client_may_close_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        wire.has_eof = False
        end.begin(half=True, waits=True)
        assert wire.done == []
        end.expire(now + 2)
        # It has had its time: with close_notify, and in the end without an answer.
        assert wire.done == ["close"]
        assert now + 2 < end.deadline < now + 10
        end.expire(now + 4)
        assert wire.done == ["close", "abort"]

    linger(test, 0, monkeypatch=monkeypatch)


def test_the_server_forgets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(end: Lingering, wire: FakeWire, now: float) -> None:
        end.drain()
        end.connection_lost(None)
        assert end._server.discarded == [end]  # type: ignore[attr-defined]

    linger(test, 0, monkeypatch=monkeypatch)
