"""Large bodies go through a worker without staying there (bench/memory.py has more)."""

import re
import select
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.http_site import serve_site
from tests.live import Server
from tests.raw import LAST_CHUNK, Client, Gate, connect, find_worker, make_gate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MEGABYTES = 64
GROWTH = 16 << 20  # what the project promises


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_site(tmp_path_factory.mktemp("s"), "request_body: 128MiB") as server:
        for _ in range(20):  # all threads are there
            server.request("/hello.py")
        yield server


def read_memory(worker: int, key: str) -> int:
    status = Path(f"/proc/{worker}/status").read_text()
    found = re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def measure_growth(server: Server, work: Callable[[], None]) -> int:
    """Return by how much the worker's peak exceeded what it had before."""
    worker = find_worker(server)
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # forget the peak so far
    before = read_memory(worker, "VmRSS")
    work()
    return read_memory(worker, "VmHWM") - before


def wait_until_stalled(gate: Gate) -> int:
    """Return how many megabytes a script could write before nobody took more."""
    written = 0
    # A machine so busy that nothing happens for so long makes the test weaker, no more.
    while select.select([gate.socket], [], [], 0.5)[0]:
        if gate.read() != b"w":
            break
        written += 1
    return written


def read_body(client: Client, size: int) -> None:
    while size:
        data = client.socket.recv(min(size, 1 << 20))
        assert data
        size -= len(data)


def test_a_large_response_waits_for_its_reader(server: Server) -> None:
    def work() -> None:
        with make_gate() as gate, connect(server, receive_buffer=65536) as client:
            client.send(f"GET /flood.py?{gate.port}+{MEGABYTES} HTTP/1.1")
            gate.wait()
            client.read_head()
            written = wait_until_stalled(gate)
            assert written < MEGABYTES
            assert sum(map(len, client.read_chunks())) == MEGABYTES << 20

    assert measure_growth(server, work) < GROWTH


def test_a_large_file_waits_for_its_reader(server: Server) -> None:
    def work() -> None:
        with connect(server, receive_buffer=65536) as client:
            client.send("GET /large.bin HTTP/1.1")
            size = int(client.read_head().fields["content-length"])
            assert size == 64 << 20
            # Somebody else is served meanwhile.
            assert server.request("/hello.py").status == 200
            read_body(client, size - len(client.buffer))

    assert measure_growth(server, work) < GROWTH


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
def test_a_large_upload_goes_to_disk(server: Server, chunked: bool) -> None:
    def work() -> None:
        size = MEGABYTES << 20
        framing = f"Content-Length: {size}"
        if chunked:
            framing = "Transfer-Encoding: chunked"
        with connect(server) as client:
            client.send("POST /count.py HTTP/1.1", framing)
            piece = bytes(1 << 20)
            for _ in range(MEGABYTES):
                if chunked:
                    client.socket.sendall(b"100000\r\n" + piece + b"\r\n")
                else:
                    client.socket.sendall(piece)
            if chunked:
                client.socket.sendall(LAST_CHUNK)
            assert client.read_response().text == f"{size} {size}\n"

    assert measure_growth(server, work) < GROWTH


def test_a_flood_of_pipelined_requests_stays_with_its_sender(server: Server) -> None:
    request = b"GET /word.py HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 8000 + b"\r\n\r\n"
    limit = MEGABYTES << 20

    def work() -> None:
        with make_gate() as gate, connect(server) as client:
            client.send(f"GET /gate.py?{gate.port} HTTP/1.1")
            gate.wait()
            sent = send_until_stalled(client.socket, request, limit)
            assert sent < limit
            gate.open()
            client.socket.sendall(request[sent % len(request) :])
            assert client.read_response().text == "through\n"
            for _ in range(sent // len(request) + 1):
                assert client.read_response().text == "\n"
            client.send("GET /word.py?last HTTP/1.1")
            assert client.read_response().text == "last\n"

    assert measure_growth(server, work) < GROWTH


def send_until_stalled(sock: socket.socket, request: bytes, limit: int) -> int:
    """Send the request again and again; return the bytes that the server took."""
    sent = 0
    while sent < limit and select.select([], [sock], [], 0.5)[1]:
        sent += sock.send(request[sent % len(request) :])
    return sent
