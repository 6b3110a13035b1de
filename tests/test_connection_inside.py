"""Connections, from the inside: what a live client cannot bring about at will."""

import asyncio
import errno
import gc
import tempfile
import weakref
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from httpout_cgi.config import default
from httpout_cgi.errors import HTTPError
from httpout_cgi.log_format import Entry
from httpout_cgi.messages import FilePart, Request, Response
from httpout_cgi.processes import responder
from httpout_cgi.processes.connection import Connection, make_factory
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.lingering import Lingering
from httpout_cgi.processes.spool import Spool
from httpout_cgi.script_output import SendInterim
from tests.fake_wire import FakeWire, make_wire
from tests.live import PATIENCE
from tests.test_sending import Chunks

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET_1_0 = b"GET / HTTP/1.0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n"


class Patient(Chunks):
    """A body whose chunks come one at a time, when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.coming: asyncio.Queue[bytes] = asyncio.Queue()

    async def __anext__(self) -> bytes:
        return await self.coming.get()


class FakeGateway:
    """Answers with what the test wants; keeps what it is asked."""

    def __init__(self) -> None:
        self.response: Response | Exception = Response(200, body=b"hello")
        self.requests: list[Request] = []
        self.interim: list[tuple[int, list[tuple[str, str]]]] = []
        self.refused: list[str] = []
        self.early: Response | None = None
        self.judged = asyncio.Event()
        self.judged.set()

    def make_id(self) -> str:
        return f"id{len(self.requests) + len(self.refused)}"

    async def handle(self, request: Request, send_interim: SendInterim) -> Response:
        self.requests.append(request)
        if request.content is not None:
            request.content.close()
        for status, fields in self.interim:
            send_interim(status, fields)
        if isinstance(self.response, Exception):
            raise self.response
        return self.response

    async def answer_early(self, request: Request) -> Response | None:
        await self.judged.wait()
        return self.early

    def refuse(self, error: HTTPError, run_id: str) -> Response:
        self.refused.append(error.reason)
        return Response(error.status, error.fields, b"an error page")


class FakeLog:
    is_read = True

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def record(self, entry: Entry) -> None:
        self.entries.append(entry)


class Inside:
    """A connection between fakes."""

    def __init__(
        self, wire: FakeWire, server: HTTPServer, gateway: FakeGateway, log: FakeLog
    ) -> None:
        self.wire = wire
        self.server = server
        self.gateway = gateway
        self.log = log
        self.loop = asyncio.get_running_loop()

    def connect(self) -> Connection:
        """Make the connection, as the loop does when it has accepted one."""
        connection = self.server._make_connection(self.server)
        assert isinstance(connection, Connection)
        connection.connection_made(self.wire)
        return connection

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = self.loop.time() + PATIENCE
        while not condition():
            assert self.loop.time() < deadline, self.wire.written
            await asyncio.sleep(0)

    async def wait_for_written(self, part: bytes) -> None:
        await self.wait_for(lambda: part in self.wire.written)

    def has_ended(self) -> bool:
        """Tell whether the transport was left to Lingering."""
        return isinstance(self.wire.protocol, Lingering)


Test: TypeAlias = Callable[[Inside], Coroutine[None, None, None]]
Run: TypeAlias = Callable[[Test], None]


class Clock:
    """The loop's time, which stands still until the test moves it."""

    def __init__(self, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = inside.loop.time()
        monkeypatch.setattr(inside.loop, "time", lambda: self.now)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run a test with a connection between fakes."""
    for folder in ("htdocs", "cgi-bin"):
        (tmp_path / folder).mkdir()
    config = default(tmp_path)

    async def main(test: Test, wire: FakeWire) -> None:
        gateway, log = FakeGateway(), FakeLog()
        server = HTTPServer(
            gateway,  # type: ignore[arg-type]  # enough of one
            config,
            log,  # type: ignore[arg-type]  # as above
            make_factory(),
        )
        await test(Inside(wire, server, gateway, log))

    with make_wire() as wire:
        yield lambda test: asyncio.run(main(test, wire))


def test_a_client_that_has_gone_already_is_not_served(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_endpoints(wire: asyncio.BaseTransport) -> None:
        raise OSError(errno.ENOTCONN, "not connected")

    async def test(inside: Inside) -> None:
        connection = inside.connect()
        assert inside.wire.done == ["abort"]
        connection.data_received(GET)
        connection.connection_lost(None)
        assert inside.gateway.requests == []

    monkeypatch.setattr(responder, "read_endpoints", read_endpoints)
    run(test)


def test_a_flood_of_connections_is_not_answered(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(inside: Inside) -> None:
        monkeypatch.setattr(inside.server, "add", lambda connection: False)
        inside.connect()
        assert inside.wire.written.startswith(b"HTTP/1.1 503 ")
        assert inside.has_ended()
        monkeypatch.setattr(HTTPServer, "is_flooded", True)
        inside.wire.written = b""
        inside.connect()
        assert inside.wire.written == b""
        assert inside.wire.done[-1] == "abort"

    run(test)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(Response(200, [("X", "a\r\nSet-Cookie: b")], b"x"), id="splits"),
        pytest.param(Response(200, [("X", "\u20ac")], b"x"), id="not ISO-8859-1"),
        pytest.param(
            Response(200, body=Chunks(ValueError("at once")), raw=True), id="raw"
        ),
        pytest.param(ValueError("a bug"), id="exception"),
    ],
)
def test_what_cannot_be_sent_is_a_500(run: Run, response: Response | Exception) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.response = response
        inside.connect().data_received(GET)
        await inside.wait_for(inside.has_ended)
        assert inside.wire.written.startswith(b"HTTP/1.1 500 ")
        assert inside.wire.written.endswith(b"an error page")
        assert b"Set-Cookie" not in inside.wire.written
        assert [entry.status for entry in inside.log.entries] == [500]

    run(test)


def test_a_stream_that_breaks_lacks_its_last_chunk(run: Run) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.response = Response(200, body=Chunks(b"half", OSError("broken")))
        connection = inside.connect()
        connection.data_received(GET + GET)
        await inside.wait_for(inside.has_ended)
        assert inside.wire.written.endswith(b"\r\n4\r\nhalf\r\n")
        assert inside.wire.done == ["write_eof"]
        assert [(entry.status, entry.sent) for entry in inside.log.entries] == [
            (200, 4)
        ]
        assert len(inside.gateway.requests) == 1

    run(test)


def test_a_stream_without_chunks_is_reset_when_it_breaks(run: Run) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.response = Response(200, body=Chunks(b"half", OSError("broken")))
        inside.connect().data_received(GET_1_0)
        await inside.wait_for(lambda: bool(inside.log.entries))
        await asyncio.sleep(0)
        assert inside.wire.done == ["abort"]
        assert not inside.has_ended()

    run(test)


def test_a_file_that_shrinks_is_reset(run: Run) -> None:
    async def test(inside: Inside) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115  the sender closes it
        inside.gateway.response = Response(200, body=FilePart(file, 0, 10))
        inside.connect().data_received(GET + GET)
        await inside.wait_for(lambda: inside.wire.done == ["abort"])
        assert len(inside.gateway.requests) == 1

    run(test)


def test_a_full_disk_is_a_507(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(spool: Spool, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def test(inside: Inside) -> None:
        monkeypatch.setattr(Spool, "write", write)
        connection = inside.connect()
        connection.data_received(b"PUT /a HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
        assert inside.wire.written.startswith(b"HTTP/1.1 507 ")
        assert inside.has_ended()
        assert "No space left" in inside.gateway.refused[0]
        (entry,) = inside.log.entries
        assert (entry.request_line, entry.status) == ("PUT /a HTTP/1.0", 507)

    run(test)


def test_interim_responses_do_not_pile_up(run: Run) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.interim = [(103, [("Link", "</a>")])]
        connection = inside.connect()
        connection.data_received(GET)
        await inside.wait_for_written(b"hello")
        assert inside.wire.written.count(INTERIM) == 1
        connection.pause_writing()
        connection.data_received(GET)
        await inside.wait_for(lambda: inside.wire.written.count(b"hello") == 2)
        assert inside.wire.written.count(INTERIM) == 1
        connection.resume_writing()
        await inside.wait_for(lambda: len(inside.log.entries) == 2)

    run(test)


def test_pipelined_requests_wait_in_the_system(run: Run) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.response = Response(200, body=Patient())
        connection = inside.connect()
        connection.data_received(GET)
        await inside.wait_for_written(b"chunked")
        flood = GET * 3000
        connection.data_received(flood[:65000])
        assert inside.wire.done == []
        connection.data_received(flood[65000:])
        connection.data_received(b"")
        assert inside.wire.done == ["pause_reading"]
        connection.connection_lost(None)
        await inside.wait_for(lambda: not inside.server.connections)

    run(test)


def test_reading_goes_on_behind_a_response(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = inside.connect()
        connection.data_received(GET + b"GET /2 HTTP/1.1\r\nHost: x\r\nX: ")
        connection.data_received(b"x" * 70_000)
        await inside.wait_for(inside.has_ended)
        assert inside.wire.done == ["pause_reading", "resume_reading", "write_eof"]
        assert b"HTTP/1.1 431 " in inside.wire.written

    run(test)


def test_reading_goes_on_behind_the_last_response(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = inside.connect()
        connection.data_received(GET_1_0)
        connection.data_received(b"x" * 70_000)
        await inside.wait_for(inside.has_ended)
        assert inside.wire.done == ["pause_reading", "resume_reading", "write_eof"]

    run(test)


def test_a_half_closed_client_is_answered_as_long_as_something_is_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(inside: Inside) -> None:
        body = Patient()
        inside.gateway.response = Response(200, body=body)
        connection = inside.connect()
        connection.data_received(GET)
        connection.eof_received()
        await inside.wait_for_written(b"chunked")
        clock = Clock(inside, monkeypatch)
        for chunk in (b"first", b"second"):
            body.coming.put_nowait(chunk)
            await inside.wait_for_written(chunk)
            clock.now = connection.deadline + 0.1
            connection.expire(clock.now)
            assert clock.now < connection.deadline < clock.now + 10
        assert inside.wire.done == []
        connection.expire(connection.deadline + 0.1)
        assert inside.wire.done == ["abort"]
        connection.connection_lost(None)
        await inside.wait_for(lambda: not inside.server.connections)
        assert body.closed
        assert [entry.sent for entry in inside.log.entries] == [11]

    run(test)


@pytest.mark.parametrize("taken_too_slowly", [80_000, 79_940, 50_001])
def test_a_client_that_takes_little_by_little_is_waited_for(
    taken_too_slowly: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(inside: Inside) -> None:
        body = Patient()
        inside.gateway.response = Response(200, body=body)
        connection = inside.connect()
        connection.data_received(GET)
        await inside.wait_for_written(b"chunked")
        inside.wire.unsent = 150_000
        clock = Clock(inside, monkeypatch)
        connection.pause_writing()
        for unsent in (110_000, 80_000):
            inside.wire.unsent = unsent
            assert connection.deadline == clock.now + 60  # send_timeout
            clock.now += 60.1
            connection.expire(clock.now)
        connection.eof_received()
        assert connection.deadline == clock.now + 60  # not sooner
        inside.wire.unsent = taken_too_slowly
        clock.now += 60.1
        connection.expire(clock.now)
        assert inside.wire.done == ["abort"]
        connection.connection_lost(None)
        await inside.wait_for(lambda: body.closed)

    run(test)


def test_each_head_has_its_own_deadline(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(inside: Inside) -> None:
        clock = Clock(inside, monkeypatch)
        connection = inside.connect()
        connection.data_received(GET)
        await inside.wait_for(lambda: connection.deadline == clock.now + 30)  # idle
        clock.now += 25
        connection.data_received(GET[:10])
        assert connection.deadline == clock.now + 10  # head_timeout
        clock.now += 5
        connection.data_received(GET[10:20])
        assert connection.deadline == clock.now + 5  # not later
        connection.data_received(GET[20:])
        await inside.wait_for(lambda: len(inside.log.entries) == 2)
        assert inside.log.entries[1].seconds == pytest.approx(5)

    run(test)


def test_what_is_sent_before_a_response_does_not_stop_the_clock(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(inside: Inside) -> None:
        clock = Clock(inside, monkeypatch)
        connection = inside.connect()
        connection.data_received(
            b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        await inside.wait_for_written(b"HTTP/1.1 100 Continue\r\n\r\n")
        before = connection.deadline
        connection.pause_writing()  # the 100 did not fit any more
        connection.resume_writing()
        assert connection.deadline == before
        connection.pause_writing()
        clock.now += 30
        connection.data_received(b"hello")
        await inside.wait_for_written(b"hello")
        assert connection.deadline == clock.now + 60  # the response is stuck
        connection.expire(clock.now + 60.1)
        assert inside.wire.done == ["abort"]
        connection.connection_lost(None)
        await inside.wait_for(lambda: not inside.server.connections)

    run(test)


def test_a_client_that_leaves_within_its_second_request_is_let_go(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = inside.connect()
        connection.data_received(GET)
        connection.data_received(b"PUT / HTTP/1.0\r\nContent-Length: 5\r\n\r\nx")
        connection.eof_received()
        await inside.wait_for(inside.has_ended)
        assert inside.wire.done == ["close"]
        assert inside.wire.written.count(b"HTTP/1.1 400") == 1
        assert len(inside.gateway.requests) == 1

    run(test)


def test_a_drain_leaves_what_has_begun(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = inside.connect()
        connection.data_received(GET[:20])
        connection.drain()
        assert inside.wire.done == []
        inside.server.draining = True
        connection.data_received(GET[20:])
        await inside.wait_for(inside.has_ended)
        assert b"Connection: close" in inside.wire.written
        assert inside.wire.done == ["write_eof"]

    run(test)


def test_a_drain_that_begins_within_a_response_closes_behind_it(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = inside.connect()
        connection.pause_writing()
        connection.data_received(GET)
        await inside.wait_for_written(b"hello")
        inside.server.draining = True
        connection.drain()
        assert inside.wire.done == []
        connection.resume_writing()
        await inside.wait_for(inside.has_ended)
        assert b"Connection: close" not in inside.wire.written

    run(test)


def test_the_log_counts_each_request_alone(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = inside.connect()
        connection.data_received(GET)
        await inside.wait_for(lambda: bool(inside.log.entries))
        inside.gateway.response = Response(204, [("X", "y")])
        connection.data_received(GET)
        await inside.wait_for(lambda: len(inside.log.entries) == 2)
        first, second = inside.log.entries
        heads = [part + b"\r\n\r\n" for part in inside.wire.written.split(b"\r\n\r\n")]
        assert (first.sent, second.sent) == (5, 0)
        assert first.head_sent == len(heads[0])
        assert second.head_sent == len(heads[1]) - len(b"hello")
        assert second.fields == [("X", "y")]
        assert second.request_line == "GET / HTTP/1.1"
        assert second.client == "127.0.0.1"
        assert 0 <= second.seconds < PATIENCE

    run(test)


@pytest.mark.parametrize("data", [GET_1_0, b"nonsense\r\n\r\n"], ids=["answer", "400"])
def test_a_connection_that_is_over_does_not_wait_for_the_collector(
    run: Run, data: bytes
) -> None:
    async def test(inside: Inside) -> None:
        gone = asyncio.Event()
        connection = inside.connect()
        weakref.finalize(connection, gone.set)
        connection.data_received(data)
        del connection
        await asyncio.wait_for(gone.wait(), PATIENCE)

    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()
