"""What runs out: descriptors, disks, places in a queue.  Others are answered, still."""

import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import PATIENCE, Server, serving
from tests.raw import Client, connect, find_worker, make_gate
from tests.test_supervisor import wait_until

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="limits another process (Linux)"
)

CONFIG = """\
listen: ["127.0.0.1:0"]
loop: {loop}
threads: 1
queue: 2
sites:
  - docroot: htdocs
    scripts:
      - {{url: /threads/, path: scripts, runner: thread}}
      - {{url: /processes/, path: scripts, runner: process}}
pools: {{processes: 1, scgi_listen: "unix:front.sock"}}
limits: {{body_in_memory: 64KiB}}
log: {{access: {{path: {log}}}, error: {{path: {log}}}}}
"""
# Waits at the gate of its test, if there is one.
SCRIPT = """\
import os, socket, sys
port = os.environ["QUERY_STRING"]
if port:
    gate = socket.create_connection(("127.0.0.1", int(port)))
    gate.recv(1)
print("Content-Type: text/plain\\n")
print(len(sys.stdin.buffer.read()))
"""
KINDS = ["threads", "processes"]


@contextlib.contextmanager
def serve_site(folder: Path, loop: str = "auto", log: str = "log") -> Iterator[Server]:
    for name in ("htdocs", "scripts"):
        (folder / name).mkdir()
    (folder / "htdocs" / "page.txt").write_text("a page\n")
    (folder / "scripts" / "a.py").write_text(SCRIPT)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(loop=loop, log=log))
    with serving(config) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serve_site(folder) as server:
        yield server


@contextlib.contextmanager
def limit(pid: int, what: int, most: int) -> Iterator[None]:
    """Let a process have less of something, for a while."""
    soft, hard = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, what, (soft, hard))


def count_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def ask_for_page(client: Client) -> int:
    client.send("GET /page.txt HTTP/1.1")
    return client.read_response().status


# Places in a queue.


@pytest.mark.parametrize(("kind", "most"), [("threads", 3), ("processes", 2)])
def test_a_full_queue_is_a_503_that_says_when_to_come_again(
    server: Server, kind: str, most: int
) -> None:
    with contextlib.ExitStack() as stack:
        quick = stack.enter_context(connect(server))
        gates = [stack.enter_context(make_gate()) for _ in range(most)]
        clients = []
        for gate in gates:
            client = stack.enter_context(connect(server))
            clients.append(client)
            assert ask_for_page(client) == 200
            client.send(f"GET /{kind}/a.py?{gate.port} HTTP/1.1")
            # Once this has been answered, that has been heard.
            assert ask_for_page(quick) == 200
        quick.send(f"GET /{kind}/a.py HTTP/1.1")
        raw = quick.read_response()
        assert raw.status == 503
        assert raw.fields["retry-after"].isdigit()
        # It is still connected, and others are answered.
        assert ask_for_page(quick) == 200
        for gate, client in zip(gates, clients, strict=True):
            gate.wait()
            gate.open()
            assert client.read_response().status == 200
        quick.send(f"GET /{kind}/a.py HTTP/1.1")
        assert quick.read_response().status == 200


def test_the_silent_outside_do_not_keep_the_workers_waiting(
    server: Server, folder: Path
) -> None:
    assert server.request("/processes/a.py").status == 200
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            silent = stack.enter_context(socket.socket(socket.AF_UNIX))
            silent.settimeout(PATIENCE)
            silent.connect(str(folder / "front.sock"))
        for _ in range(3):
            assert server.request("/processes/a.py").status == 200
        # The pool has not lost its patience with them meanwhile.
        assert "a peer was dropped" not in (folder / "log").read_text()


# Descriptors.


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_no_descriptor_left_is_survived(loop: str, tmp_path: Path) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve_site(tmp_path, loop))
        worker = find_worker(server)
        early = stack.enter_context(connect(server))
        early.send("GET /threads/a.py HTTP/1.1")
        assert early.read_response().status == 200
        few = count_descriptors(worker) + 4
        with limit(worker, resource.RLIMIT_NOFILE, few):
            late = [stack.enter_context(connect(server)) for _ in range(40)]
            wait_until(lambda: count_descriptors(worker) == few, "all are taken")
            for _ in range(3):
                early.send("GET /page.txt HTTP/1.1")
                raw = early.read_response()
                assert (raw.status, raw.fields["retry-after"]) == (503, "1")
            # What has been compiled needs none.
            for kind, status in [("threads", 200), ("processes", 503)]:
                early.send(f"GET /{kind}/a.py HTTP/1.1")
                assert early.read_response().status == status
            early.send("POST /threads/a.py HTTP/1.1", "Content-Length: 99999")
            early.socket.sendall(bytes(99999))
            raw = early.read_response()
            assert (raw.status, raw.fields["retry-after"]) == (503, "1")
            for client in late:
                client.socket.close()
        with connect(server) as client:
            assert ask_for_page(client) == 200
            for kind in KINDS:
                client.send(
                    f"POST /{kind}/a.py HTTP/1.1",
                    "Content-Length: 99999",
                    body=bytes(99999),
                )
                assert client.read_response().text == "99999\n"
        log = (tmp_path / "log").read_text()
        assert log.count("no connection can be accepted") == (loop == "asyncio")
        # A line or two for each request, and a traceback of a script.
        assert log.count("\n") < 60


@pytest.fixture
def many() -> Iterator[int]:
    """Allow this process a thousand connections, or as many as the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else 2000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2000, allowed)), hard))
    yield min(1000, max(soft, min(2000, allowed)) - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def read_memory(pid: int) -> int:
    """Return the resident memory, in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def test_a_thousand_idle_connections_cost_little(server: Server, many: int) -> None:
    worker = find_worker(server)
    with contextlib.ExitStack() as stack:
        for _ in range(100):  # what the first ones need is not theirs
            assert ask_for_page(stack.enter_context(connect(server))) == 200
        before = read_memory(worker)
        for _ in range(many - 100):
            assert ask_for_page(stack.enter_context(connect(server))) == 200
        # It is 11 KiB.
        assert (read_memory(worker) - before) / (many - 100) < 64 << 10
        assert server.request("/threads/a.py").status == 200


# Disks.


@pytest.mark.parametrize("kind", KINDS)
def test_no_room_for_content_is_a_507(server: Server, kind: str) -> None:
    worker = find_worker(server)
    with connect(server) as early, limit(worker, resource.RLIMIT_FSIZE, 100_000):
        assert ask_for_page(early) == 200  # the worker has it, and counts it
        before = count_descriptors(worker)
        for _ in range(3):
            with connect(server) as client:
                client.send(f"POST /{kind}/a.py HTTP/1.1", "Content-Length: 200000")
                client.socket.sendall(bytes(200_000))
                assert client.read_response().status == 507
        # What fits is taken.
        early.send(
            f"POST /{kind}/a.py HTTP/1.1", "Content-Length: 90000", body=bytes(90_000)
        )
        assert early.read_response().text == "90000\n"
        wait_until(lambda: count_descriptors(worker) <= before, "all is given back")
    with connect(server) as client:
        client.send(
            f"POST /{kind}/a.py HTTP/1.1", "Content-Length: 200000", body=bytes(200_000)
        )
        assert client.read_response().text == "200000\n"


def test_logs_that_cannot_be_written_stop_nobody(tmp_path: Path) -> None:
    with serve_site(tmp_path, log="/dev/full") as server:
        for _ in range(3):
            assert server.request("/page.txt").status == 200
            assert server.request("/missing").status == 404
            for kind in KINDS:
                assert server.request(f"/{kind}/a.py").status == 200


def test_an_access_log_that_is_full_is_told_of_once(
    server: Server, folder: Path
) -> None:
    worker = find_worker(server)
    log = folder / "log"
    assert server.request("/page.txt").status == 200
    written = log.stat().st_size
    with limit(worker, resource.RLIMIT_FSIZE, written + 300):
        for _ in range(30):
            assert server.request("/page.txt").status == 200
    assert server.request("/page.txt?after").status == 200
    wait_until(lambda: "/page.txt?after" in log.read_text(), "it is written again")
    assert len(log.read_text()[written:].splitlines()) < 10
