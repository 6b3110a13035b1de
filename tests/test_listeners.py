"""Listeners: what can be bound, and what stands in the way."""

import contextlib
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from httpout_cgi.config import Listener
from httpout_cgi.errors import StartError
from httpout_cgi.processes import listeners
from tests.live import PATIENCE


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def test_port_0_is_described_with_the_real_port() -> None:
    listener = Listener("127.0.0.1", 0)
    sock = listeners.bind(listener)
    port = sock.getsockname()[1]
    assert port != 0
    assert listeners.describe(listener, sock) == f"http://127.0.0.1:{port}/"
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        pass
    listeners.close(listener, sock)


def test_a_host_name_can_be_bound() -> None:
    listener = Listener("localhost", 0)
    sock = listeners.bind(listener)
    assert listeners.describe(listener, sock).startswith("http://localhost:")
    listeners.close(listener, sock)


def test_a_port_in_use_is_named() -> None:
    first = listeners.bind(Listener("127.0.0.1", 0))
    port = first.getsockname()[1]
    with pytest.raises(StartError) as caught:
        listeners.bind(Listener("127.0.0.1", port))
    first.close()
    problem = f"cannot listen on 127.0.0.1:{port}: address already in use"
    assert str(caught.value).startswith(problem)


def test_a_foreign_address_is_named() -> None:
    with pytest.raises(
        StartError,
        match=r"cannot listen on 192\.0\.2\.1:8000: this machine does not have",
    ):
        listeners.bind(Listener("192.0.2.1", 8000))


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(StartError, match=r"cannot listen on nowhere\.invalid:8000: "):
        listeners.bind(Listener("nowhere.invalid", 8000))


def test_a_socket_for_a_group_is_never_open_to_others(tmp_path: Path) -> None:
    listener = Listener(path=tmp_path / "s")
    other = 12345 if os.geteuid() == 0 else os.getegid()
    sock = listeners.bind(listener, other)
    seen = os.stat(tmp_path / "s")
    assert (stat.S_IMODE(seen.st_mode), seen.st_gid) == (0o660, other)
    listeners.close(listener, sock)


@needs_ipv6
def test_ipv6_is_described_in_brackets() -> None:
    listener = Listener("::1", 0)
    sock = listeners.bind(listener)
    port = sock.getsockname()[1]
    assert listeners.describe(listener, sock) == f"http://[::1]:{port}/"
    listeners.close(listener, sock)


@needs_ipv6
def test_every_address_of_both_families_are_two_listeners() -> None:
    first = listeners.bind(Listener("::", 0))
    second = listeners.bind(Listener("0.0.0.0", first.getsockname()[1]))
    first.close()
    second.close()


def test_everybody_may_connect_to_a_unix_socket(tmp_path: Path) -> None:
    listener = Listener(path=tmp_path / "http.sock")
    umask = os.umask(0o077)
    sock = listeners.bind(listener)
    assert os.umask(umask) == 0o077
    path = tmp_path / "http.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert listeners.describe(listener, sock) == f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    listeners.close(listener, sock)
    assert not path.exists()


def test_the_socket_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = Listener(path=path)
    sock = listeners.bind(listener)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    listeners.close(listener, sock)


def test_the_socket_of_a_living_server_stays(tmp_path: Path) -> None:
    listener = Listener(path=tmp_path / "http.sock")
    sock = listeners.bind(listener)
    with pytest.raises(
        StartError, match=r"cannot listen on unix:.*: address already in use"
    ):
        listeners.bind(listener)
    assert (tmp_path / "http.sock").exists()
    listeners.close(listener, sock)


def test_a_socket_whose_backlog_is_full_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(socket.socket(socket.AF_UNIX))
        other.bind(str(path))
        other.listen(0)
        is_full = False
        while not is_full:
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            try:
                client.connect(str(path))
            except BlockingIOError:
                is_full = True
        bound = threading.Event()

        def bind() -> None:
            with pytest.raises(StartError, match="address already in use"):
                listeners.bind(Listener(path=path))
            bound.set()

        threading.Thread(target=bind, daemon=True).start()
        assert bound.wait(PATIENCE)


def test_a_file_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(StartError, match="there is a file that is not a socket"):
        listeners.bind(Listener(path=path))
    assert path.read_text() == "data"


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"cannot listen on unix:.*too long"):
        listeners.bind(Listener(path=tmp_path / ("x" * 200)))


def test_a_removed_socket_can_be_closed(tmp_path: Path) -> None:
    listener = Listener(path=tmp_path / "http.sock")
    sock = listeners.bind(listener)
    (tmp_path / "http.sock").unlink()
    listeners.close(listener, sock)
    assert sock.fileno() == -1
