"""Deadlines: an impatient server, and clients that are slow or do nothing.

No test measures how long something takes: a busy machine would be too slow for it.
"""

import contextlib
import select
import socket
from collections.abc import Iterator

import pytest

from tests.http_site import serve_site
from tests.live import PATIENCE, Server
from tests.raw import Client, connect, make_gate

# What a client must do in time, it does at once: these are long for that.
LIMITS = "head_timeout: 1s, body_timeout: 500ms, keep_alive: 1s, send_timeout: 1s"
# What the buffers of both systems surely do not hold.
MEGABYTES = 64


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_site(tmp_path_factory.mktemp("site"), LIMITS) as server:
        yield server


# Name -> complete requests before, and what is sent then.
WAITING = {
    "nothing": (0, b""),
    "idle": (1, b""),
    "first head": (0, b"GET /first HTTP/1.1\r\n"),
    "second head": (1, b"GET /second HTTP/1.1\r\nHost: x\r\nX"),
    "content": (
        0,
        b"POST /word.py/content HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1",
    ),
    "chunks": (
        0,
        b"POST /word.py HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1",
    ),
    "continue": (
        0,
        b"POST /word.py/continue HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
        b"Expect: 100-continue\r\n\r\n",
    ),
}


@pytest.fixture(scope="module")
def waiting(server: Server) -> Iterator[dict[str, Client]]:
    """Clients whose deadlines pass all at the same time."""
    with contextlib.ExitStack() as stack:
        clients = {}
        for name, (earlier, sent) in WAITING.items():
            client = clients[name] = stack.enter_context(connect(server))
            for _ in range(earlier):
                client.send("GET /hello.py HTTP/1.1")
                assert client.read_response().status == 200
            client.socket.sendall(sent)
        yield clients


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with connect(server) as client:
        yield client


@pytest.mark.parametrize("name", ["nothing", "idle"])
def test_a_client_that_says_nothing_is_closed(
    waiting: dict[str, Client], name: str
) -> None:
    assert waiting[name].is_ended()


@pytest.mark.parametrize(
    "name", ["first head", "second head", "content", "chunks", "continue"]
)
def test_a_request_that_does_not_end_is_a_408(
    server: Server, waiting: dict[str, Client], name: str
) -> None:
    client = waiting[name]
    raw = client.read_head()
    if name == "continue":
        assert raw.status == 100
        raw = client.read_head()
    assert (raw.status, raw.fields["connection"]) == (408, "close")
    assert len(client.read_to_end()) == int(raw.fields["content-length"])
    line = WAITING[name][1].partition(b"\r")[0].decode()
    server.stdout.wait_for(rf'"{line}" 408 ')


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"GET /slow HTTP/1.1\r\nX: ", id="head"),
        pytest.param(
            b"POST /hello.py HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n",
            id="content",
        ),
        pytest.param(
            b"POST /hello.py HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2000\r\n",
            id="chunk",
        ),
    ],
)
def test_what_comes_byte_by_byte_is_a_408(client: Client, begin: bytes) -> None:
    client.socket.sendall(begin)
    # A byte whenever the server has been silent for a while.
    while not select.select([client.socket], [], [], 0.05)[0]:
        client.socket.sendall(b"x")
    assert client.read_response().status == 408


def test_a_script_may_be_silent_for_longer_than_a_client(client: Client) -> None:
    with make_gate() as gate:
        client.send(f"GET /gate.py?{gate.port} HTTP/1.1")
        gate.wait()
        # Another connection, opened later, has been closed: so much time has passed.
        with contextlib.closing(socket.socket()) as idle:
            idle.settimeout(PATIENCE)
            idle.connect(client.socket.getpeername())
            assert idle.recv(1) == b""
        gate.open()
        assert client.read_response().text == "through\n"


def test_a_client_that_reads_nothing_is_dropped(server: Server) -> None:
    with make_gate() as gate, connect(server, receive_buffer=65536) as client:
        target = f"/flood.py?{gate.port}+{MEGABYTES}"
        client.send(f"GET {target} HTTP/1.1")
        gate.wait()
        told = b"w"
        while told == b"w":
            told = gate.read()
        assert told == b"!"  # its pipe broke
        line = rf'"GET /flood.py\?{gate.port}\+{MEGABYTES} HTTP/1.1" 200 '
        server.stdout.wait_for(line)
        with pytest.raises(ConnectionResetError):
            client.read_to_end()


def test_a_file_that_nobody_reads_is_dropped(server: Server) -> None:
    with connect(server, receive_buffer=65536) as client:
        client.send("GET /large.bin HTTP/1.1")
        server.stdout.wait_for('"GET /large.bin HTTP/1.1" 200 ')
        with pytest.raises(ConnectionResetError):
            client.read_to_end()


def test_a_slow_client_is_not_dropped(server: Server) -> None:
    with make_gate() as gate, connect(server) as client:
        client.send(f"GET /flood.py?{gate.port}+{MEGABYTES} HTTP/1.1")
        gate.wait()
        client.read_head()
        size = 0
        chunks = client.read_chunks()
        for _ in range(20):
            # Between two looks of the server, it takes a little.
            size += sum(len(next(chunks)) for _ in range(10))
            select.select([], [], [], 0.1)
        size += sum(map(len, chunks))
        assert size == MEGABYTES << 20
