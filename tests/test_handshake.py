"""TLS handshakes: who takes long, comes too often, or leaves, holds nothing."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import trustme

from httpout_cgi.access_log import AccessLog
from httpout_cgi.config import TLS, Limits, default
from httpout_cgi.gateway import Gateway
from httpout_cgi.processes import certificate, handshake
from httpout_cgi.processes.event_loop import make_loop
from httpout_cgi.processes.handshake import Handshake, TLSListener
from httpout_cgi.processes.http_server import HTTPServer
from tests.live import PATIENCE
from tests.tls_site import HOST, Authority


class Greeter(asyncio.Protocol):
    """Serves a client: greets it and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)  # uvloop's own class
        wire.write(b"hello")
        wire.close()


class Stage:
    """A server with one listener for TLS, and clients of it."""

    def __init__(self, server: HTTPServer, authority: Authority) -> None:
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.context = authority.make_context()
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.listener = TLSListener(server, self.sock)
        self.clients: list[socket.socket] = []
        server.adopt(self.sock, self.listener)

    async def connect(self) -> socket.socket:
        """Return a client that has said nothing yet."""
        sock = socket.socket()
        self.clients.append(sock)
        sock.setblocking(False)
        await self.loop.sock_connect(sock, self.sock.getsockname())
        return sock

    async def read(self, client: socket.socket) -> bytes:
        """Return what a client gets, b"" at the end of the connection."""
        try:
            return await asyncio.wait_for(self.loop.sock_recv(client, 99), PATIENCE)
        except ConnectionResetError:
            return b""

    async def greet(self) -> bytes:
        """Return what a client reads that does it right."""
        address = self.sock.getsockname()
        reader, writer = await asyncio.open_connection(
            *address, ssl=self.context, server_hostname=HOST
        )
        text = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return text

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        async def look() -> None:
            while not is_so():
                await asyncio.sleep(0)

        await asyncio.wait_for(look(), PATIENCE)

    def close(self) -> None:
        self.server.stop_listening(self.sock)
        for client in self.clients:
            client.close()


Play = Callable[[Stage], Awaitable[None]]
Perform = Callable[..., None]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture(params=["asyncio", "uvloop"])
def perform(
    request: pytest.FixtureRequest, tmp_path: Path, authority: Authority
) -> Iterator[Perform]:
    """Run a play under a loop; limits are those of the settings."""
    for name in ("htdocs", "cgi-bin"):
        (tmp_path / name).mkdir()
    authority.write(tmp_path)
    files = TLS(certificate=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    tls = certificate.make_context(certificate.read(files).pem)
    loop = make_loop(request.param)
    failures: list[dict[str, Any]] = []

    async def main(play: Play, limits: Limits) -> None:
        config = default(tmp_path).model_copy(update={"limits": limits})
        access_log = AccessLog("common", 2, loop.call_soon)
        gateway = Gateway(config, None)  # type: ignore[arg-type]  # nothing is run
        server = HTTPServer(gateway, config, access_log, lambda _: Greeter())
        server.tls = tls
        loop.set_exception_handler(lambda _, context: failures.append(context))
        stage = Stage(server, authority)
        try:
            await play(stage)
        finally:
            stage.close()
        await server.drain(PATIENCE)
        await gateway.close()

    yield lambda play, **limits: loop.run_until_complete(main(play, Limits(**limits)))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert [one for one in failures if one["message"] != "accept"] == []


def test_a_client_is_served(perform: Perform) -> None:
    async def play(stage: Stage) -> None:
        assert await stage.greet() == b"hello"
        assert stage.server.connections == set()

    perform(play)


def find_only(stage: Stage) -> Handshake:
    (found,) = stage.server.connections
    assert isinstance(found, Handshake)
    return found


def test_a_silent_client_is_closed(perform: Perform) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.connect()
        await stage.wait_until(lambda: bool(stage.server.connections))
        waiting = find_only(stage)
        now = stage.loop.time()
        assert now < waiting.deadline < now + PATIENCE
        # Soon it is one of those that make room for others.
        assert waiting.idle_from < waiting.deadline
        assert await stage.greet() == b"hello"
        waiting.expire(waiting.deadline)
        assert await stage.read(client) == b""
        assert stage.server.connections == set()

    perform(play)


def test_a_client_that_takes_long_is_closed(perform: Perform) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.connect()
        await stage.loop.sock_sendall(client, b"\x16\x03\x01")
        assert await stage.read(client) == b""
        await stage.wait_until(lambda: not stage.server.connections)

    perform(play, head_timeout=0.2)


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"], ids=["silent", "within"])
def test_handshakes_do_not_hold_up_the_end(perform: Perform, sent: bytes) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.connect()
        await stage.loop.sock_sendall(client, sent)
        await stage.wait_until(lambda: bool(stage.server.connections))
        waiting = find_only(stage)
        if sent:
            await stage.wait_until(lambda: waiting.idle_from == float("inf"))
        waiting.drain()
        assert await stage.read(client) == b""
        await stage.wait_until(lambda: not stage.server.connections)

    perform(play)


def test_clients_that_are_too_many_are_closed(perform: Perform) -> None:
    async def play(stage: Stage) -> None:
        clients = [await stage.connect() for _ in range(5)]
        reads = [stage.loop.create_task(stage.read(one)) for one in clients]
        # One has a place, and one would be told that it has none.
        await stage.wait_until(lambda: sum(one.done() for one in reads) == 3)
        assert len(stage.server.connections) == 2
        for one in list(stage.server.connections):
            one.abort()
        assert await asyncio.gather(*reads) == [b""] * 5
        assert await stage.greet() == b"hello"

    perform(play, connections=1)


def test_a_reset_before_the_first_byte_is_no_error(perform: Perform) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.connect()
        await stage.wait_until(lambda: bool(stage.server.connections))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" + bytes(4))
        client.close()
        await stage.wait_until(lambda: not stage.server.connections)
        assert await stage.greet() == b"hello"

    perform(play)


class Exhausted:
    """A listening socket of a process that has no descriptor left."""

    def __init__(self, sock: socket.socket) -> None:
        self.fileno = sock.fileno
        self.close = sock.close
        self.asked = 0

    def accept(self) -> None:
        self.asked += 1
        raise OSError(errno.EMFILE, "Too many open files")


def test_without_descriptors_it_waits(
    perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(stage: Stage) -> None:
        exhausted = Exhausted(stage.sock)
        monkeypatch.setattr(stage.listener, "_sock", exhausted)
        await stage.connect()
        await stage.wait_until(lambda: exhausted.asked == 1)
        # The socket stays readable, but nobody looks before the pause is over.
        for _ in range(5):
            await asyncio.sleep(0)
        assert exhausted.asked == 1
        monkeypatch.setattr(stage.listener, "_sock", stage.sock)
        await stage.wait_until(lambda: bool(stage.server.connections))

    monkeypatch.setattr(handshake, "_PAUSE_SECONDS", 0.2)
    perform(play)


def test_who_closes_while_it_waits_is_not_woken(
    perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(stage: Stage) -> None:
        exhausted = Exhausted(stage.sock)
        monkeypatch.setattr(stage.listener, "_sock", exhausted)
        await stage.connect()
        await stage.wait_until(lambda: exhausted.asked == 1)

    perform(play)


def test_other_settings_keep_the_context_of_a_listener_that_goes(
    perform: Perform,
) -> None:
    async def play(stage: Stage) -> None:
        server = stage.server
        server.configure(server.gateway, default_config(stage), server.access_log)
        assert isinstance(server.tls, ssl.SSLContext)
        assert await stage.greet() == b"hello"

    def default_config(stage: Stage) -> Any:  # Any: what configure looks at
        return type(
            "Config", (), {"limits": stage.server.limits, "trusted_proxies": ()}
        )

    perform(play)
