"""The HTTP side of a worker: how many connections, from where, and how they end."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest

from httpout_cgi.access_log import AccessLog
from httpout_cgi.config import Config, Limits, default
from httpout_cgi.gateway import Gateway
from httpout_cgi.processes.http_server import HTTPServer
from tests.http_site import serve_site
from tests.live import PATIENCE, Server
from tests.raw import Client, connect, make_gate


class Idle:
    """A connection that does what it is told, at once."""

    idle_from = float("inf")

    def __init__(self, server: HTTPServer) -> None:
        self.deadline = float("inf")
        self.server = server
        self.expired = asyncio.Event()

    def expire(self, now: float) -> None:
        assert now > self.deadline
        self.expired.set()
        self.deadline = float("inf")

    def drain(self) -> None:
        self.server.discard(self)

    def abort(self) -> None:
        self.server.discard(self)


class Busy(Idle):
    """A connection that is not finished by a drain."""

    def __init__(self, server: HTTPServer) -> None:
        super().__init__(server)
        self.drained = asyncio.Event()
        self.aborted = False

    def drain(self) -> None:
        self.drained.set()

    def abort(self) -> None:
        self.aborted = True
        super().abort()


class Broken(Idle):
    def expire(self, now: float) -> None:
        super().expire(now)
        raise ValueError("a bug")


def run(
    test: Callable[[HTTPServer], Coroutine[None, None, None]],
    folder: Path,
    connections: int = 1024,
) -> None:
    async def main() -> None:
        limits = Limits(connections=connections)
        config = default(folder).model_copy(update={"limits": limits})
        await test(make_server(config))

    (folder / "htdocs").mkdir()
    (folder / "cgi-bin").mkdir()
    asyncio.run(main())


def make_server(config: Config) -> HTTPServer:
    loop = asyncio.get_running_loop()
    access_log = AccessLog("common", 2, loop.call_soon)
    gateway = Gateway(config, None)  # type: ignore[arg-type]  # nothing is run here
    return HTTPServer(gateway, config, access_log, lambda _: asyncio.Protocol())


def test_more_connections_than_allowed_are_told(tmp_path: Path) -> None:
    async def test(server: HTTPServer) -> None:
        first, second, third, fourth = (Idle(server) for _ in range(4))
        assert server.add(first)
        assert server.add(second)
        # Those that were refused take nobody's place, but they are not endless.
        assert not server.add(third)
        assert not server.is_flooded
        assert not server.add(fourth)
        assert server.is_flooded
        server.discard(first)
        server.discard(fourth)
        assert not server.is_flooded
        assert server.add(first)

    run(test, tmp_path, connections=2)


class Leaving(Idle):
    """A connection that is idle, and takes its time to leave."""

    def __init__(self, server: HTTPServer, idle_from: float) -> None:
        super().__init__(server)
        self.idle_from = idle_from
        self.drained = False

    def drain(self) -> None:
        self.drained = True
        self.idle_from = float("inf")


def test_who_was_idle_for_longest_makes_room(tmp_path: Path) -> None:
    async def test(server: HTTPServer) -> None:
        idle = [Leaving(server, float(number)) for number in range(40)]
        fresh = Leaving(server, asyncio.get_running_loop().time() + PATIENCE)
        for one in (fresh, *idle):
            assert server.add(one)
        assert server.add(Idle(server))
        gone = [one for one in idle if one.drained]
        # Several at once, for looking for them takes time.
        assert gone == idle[: len(gone)]
        assert 1 < len(gone) < 40
        assert not fresh.drained
        # Those that leave have no place any more, whatever becomes of them.
        successor = Idle(server)
        server.replace(gone[0], successor)
        for _ in range(len(gone) - 1):
            assert server.add(Idle(server))
        server.discard(successor)
        assert [one for one in idle if one.drained] == gone
        for _ in range(100):
            server.add(Idle(server))
        assert all(one.drained for one in idle)
        assert not fresh.drained

    run(test, tmp_path, connections=41)


def test_what_the_loop_says_again_and_again_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(server: HTTPServer) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for clock, lines in [(now, 1), (now + 59, 1), (now + 61, 2)]:
            monkeypatch.setattr(loop, "time", lambda clock=clock: clock)
            for _ in range(1000):
                error = OSError(errno.EMFILE, "Too many open files")
                loop.call_exception_handler({"message": "accept", "exception": error})
            assert (
                caplog.messages
                == ["no connection can be accepted: [Errno 24] Too many open files"]
                * lines
            )
        monkeypatch.undo()
        caplog.clear()
        # A page's task, say.
        error = OSError(errno.EMFILE, "Too many open files")
        for exc in (ValueError(), error):
            loop.call_exception_handler({"message": "a bug", "exception": exc})
        assert caplog.messages == ["a bug", "a bug"]

    run(test, tmp_path)


def test_a_successor_has_the_place_of_its_predecessor(tmp_path: Path) -> None:
    async def test(server: HTTPServer) -> None:
        first, refused = Idle(server), Idle(server)
        server.add(first)
        server.add(refused)
        successor = Idle(server)
        server.replace(refused, successor)
        assert server.connections == {first, successor}
        server.discard(first)
        assert server.add(Idle(server))

    run(test, tmp_path, connections=1)


def test_a_drain_waits_for_what_is_busy(tmp_path: Path) -> None:
    async def test(server: HTTPServer) -> None:
        # The server was idle before; that must not count.
        early = Idle(server)
        server.add(early)
        server.discard(early)
        idle, busy = Idle(server), Busy(server)
        server.add(idle)
        server.add(busy)
        task = asyncio.create_task(server.drain(PATIENCE))
        await asyncio.wait_for(busy.drained.wait(), PATIENCE)
        assert server.connections == {busy}
        for _ in range(10):  # it has every opportunity
            await asyncio.sleep(0)
        assert not task.done()
        server.discard(busy)
        await asyncio.wait_for(task, PATIENCE)
        assert not busy.aborted

    run(test, tmp_path)


def test_a_drain_cuts_off_what_takes_too_long(tmp_path: Path) -> None:
    async def test(server: HTTPServer) -> None:
        busy = Busy(server)
        server.add(busy)
        await server.drain(0.01)
        assert busy.aborted

    run(test, tmp_path)


def test_a_drain_of_nothing_is_quick(tmp_path: Path) -> None:
    async def test(server: HTTPServer) -> None:
        await server.drain(PATIENCE)
        assert server.draining

    run(test, tmp_path)


def test_deadlines_are_watched_though_one_fails(tmp_path: Path) -> None:
    async def test(server: HTTPServer) -> None:
        reported: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(str(context["exception"]))
        )
        broken, idle = Broken(server), Idle(server)
        broken.deadline = 0.0
        server.add(broken)
        await asyncio.wait_for(broken.expired.wait(), PATIENCE)
        server.add(idle)
        idle.deadline = 0.0
        await asyncio.wait_for(idle.expired.wait(), PATIENCE)
        assert reported == ["a bug"]

    run(test, tmp_path)


def test_the_date_is_that_of_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(server: HTTPServer) -> None:
        times = [784111777.0, 784111777.9, 784111778.0]
        monkeypatch.setattr("time.time", lambda: times.pop(0))
        lines = [server.added_fields() for _ in range(3)]
        assert lines[0].startswith("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: ")
        assert lines[1] == lines[0]
        assert "08:49:38" in lines[2]

    run(test, tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_site(tmp_path_factory.mktemp("small"), "connections: 3") as server:
        yield server


def test_one_connection_too_many_is_answered_503(small: Server) -> None:
    with connect(small) as first, connect(small) as second, connect(small) as third:
        for client in (first, second, third):
            client.send("GET /hello.py HTTP/1.1")
            assert client.read_response().status == 200
            client.socket.sendall(b"GET /hello.py")  # not idle any more
        with connect(small) as fourth:
            fourth.send("GET /hello.py HTTP/1.1")
            raw = fourth.read_response()
            assert raw.status == 503
            assert raw.fields["retry-after"].isdigit()
            assert fourth.is_ended()
        small.stdout.wait_for(r'"-" 503 ')
        first.socket.sendall(b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.read_response().status == 200


def test_idle_connections_make_room(small: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(small)) for _ in range(3)]
        for client in clients:
            client.send("GET /hello.py HTTP/1.1")
            assert client.read_response().status == 200
        clients[0].socket.sendall(b"GET /hello.py")
        late = [stack.enter_context(connect(small)) for _ in range(2)]
        for client in late:
            client.send("GET /hello.py HTTP/1.1")
            assert client.read_response().status == 200
        assert clients[1].is_ended()
        assert clients[2].is_ended()
        clients[0].socket.sendall(b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert clients[0].read_response().status == 200


def test_a_place_that_becomes_free_is_given_again(small: Server) -> None:
    for _ in range(10):
        with connect(small) as client:
            client.send("GET /hello.py HTTP/1.1", "Connection: close")
            assert client.read_response().status == 200
            assert client.is_ended()


def test_sigterm_closes_what_is_idle_and_finishes_what_is_busy(tmp_path: Path) -> None:
    with serve_site(tmp_path) as server, make_gate() as gate:
        with connect(server) as idle, connect(server) as fresh, connect(server) as busy:
            idle.send("GET /hello.py HTTP/1.1")
            idle.read_response()
            busy.send(f"GET /gate.py?{gate.port} HTTP/1.1")
            gate.wait()
            server.process.terminate()
            assert idle.is_ended()
            assert fresh.is_ended()
            assert server.process.poll() is None
            gate.open()
            raw = busy.read_response()
            assert (raw.text, raw.fields["connection"]) == ("through\n", "close")
            assert busy.is_ended()
        assert server.process.wait(PATIENCE) == 0


def test_a_stream_that_began_before_sigterm_is_finished(tmp_path: Path) -> None:
    with serve_site(tmp_path) as server, make_gate() as gate:
        with connect(server) as idle, connect(server) as busy:
            busy.send(f"GET /lines.py?{gate.port} HTTP/1.1")
            gate.wait()
            assert "connection" not in busy.read_head().fields
            server.process.terminate()
            assert idle.is_ended()
            gate.open()
            gate.close()
            assert b"".join(busy.read_chunks()) == b"line\n"
            assert busy.is_ended()
        assert server.process.wait(PATIENCE) == 0


def test_ipv6(tmp_path: Path) -> None:
    with serve_site(tmp_path, listen='"[::1]:0"') as server:
        with connect(server) as client:
            client.send("GET /address.py HTTP/1.1", "Connection: close")
            assert client.read_response().text == "::1\n"
        server.stdout.wait_for(r'(?m)^::1 - - .*"GET /address.py HTTP/1.1" 200')


def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listen = f'"127.0.0.1:0", "unix:{path}"'
    with (
        serve_site(tmp_path, listen=listen),
        socket.socket(socket.AF_UNIX) as sock,
    ):
        sock.connect(str(path))
        client = Client(sock)
        for _ in range(2):
            client.send("POST /content.py HTTP/1.1", "Content-Length: 5", body=b"hello")
            assert client.read_response().text == "5 5 True\nhello"
        client.send("GET /address.py HTTP/1.1", "Connection: close")
        assert client.read_response().text == "127.0.0.1\n"
        assert client.is_ended()
