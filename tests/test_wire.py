"""What the socket below a transport tells."""

import contextlib
import select
import socket
import struct
from collections.abc import Iterator

import pytest

from httpout_cgi.messages import Endpoints
from httpout_cgi.processes.wire import count_unsent, read_endpoints, reset
from tests.fake_wire import FakeWire, make_wire


@contextlib.contextmanager
def connect(family: int, host: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield a server's end and its client's."""
    with socket.create_server((host, 0), family=family) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        server, _ = listener.accept()
        with client, server:
            yield server, client


@pytest.mark.parametrize(
    ("family", "host"),
    [
        pytest.param(socket.AF_INET, "127.0.0.1", id="IPv4"),
        pytest.param(socket.AF_INET6, "::1", id="IPv6"),
    ],
)
def test_both_ends_are_told(family: int, host: str) -> None:
    with connect(family, host) as (server, client):
        expected = Endpoints(
            "http", host, client.getsockname()[1], host, server.getsockname()[1]
        )
        assert read_endpoints(FakeWire(server)) == expected


def test_ipv4_in_ipv6_is_ipv4() -> None:
    with socket.create_server(
        ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True
    ) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listener.accept()
            with server:
                endpoints = read_endpoints(FakeWire(server))
            assert endpoints.peer_address == "127.0.0.1"
            assert endpoints.local_address == "127.0.0.1"
            assert endpoints.peer_port == client.getsockname()[1]


def test_a_unix_socket_has_no_addresses() -> None:
    server, client = socket.socketpair()
    with server, client:
        assert read_endpoints(FakeWire(server)) == Endpoints("http", "", 0, "", 0)


def test_a_client_that_has_gone_is_not_one_of_a_unix_socket() -> None:
    with connect(socket.AF_INET, "127.0.0.1") as (server, client):
        linger = struct.pack("ii", 1, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
        with pytest.raises(OSError, match="not connected"):
            read_endpoints(FakeWire(server))


def test_what_the_system_has_not_sent_counts() -> None:
    with make_wire() as wire:
        sock = wire.get_extra_info("socket")
        assert count_unsent(wire) == 0
        with pytest.raises(BlockingIOError):
            sock.sendall(bytes(64 << 20))
        assert count_unsent(wire) > 0
        wire.unsent = 1 << 30
        assert count_unsent(wire) > 1 << 30


class SecureWire(FakeWire):
    """That of a connection with TLS."""

    has_socket = True

    def get_extra_info(self, name: str, default: object = None) -> object:
        if name == "sslcontext":
            return self
        found: object = super().get_extra_info(name, default)
        return found if self.has_socket else default


def test_what_a_client_of_tls_has_acknowledged_counts() -> None:
    with connect(socket.AF_INET, "127.0.0.1") as (server, client):
        wire = SecureWire(server)
        assert count_unsent(wire) == 0
        server.setblocking(False)
        # Between TLS and the system is a buffer that is full, but cannot be seen.
        fill(server)
        before = count_unsent(wire)
        assert before > 0
        assert client.recv(1 << 20)
        while client in select.select([client], [], [], 0.1)[0]:
            assert client.recv(1 << 20)
        fill(server)
        assert 0 < count_unsent(wire) < before


def test_a_socket_of_tls_may_be_gone_before_the_transport() -> None:
    with connect(socket.AF_INET, "127.0.0.1") as (server, _):
        wire = SecureWire(server)
        wire.has_socket = False
        wire.unsent = 7
        assert count_unsent(wire) > 0
        reset(wire)
        assert wire.done == ["abort"]


def fill(sock: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(bytes(65536))


def test_a_closed_socket_holds_nothing_back() -> None:
    with make_wire() as wire:
        wire.get_extra_info("socket").close()
        wire.unsent = 7
        assert count_unsent(wire) == 7
