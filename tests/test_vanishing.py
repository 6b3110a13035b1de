"""Clients that vanish, at every point of a request: everything is given back."""

import contextlib
import os
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.http_site import SCRIPTS
from tests.live import Server, serving
from tests.raw import Client, connect, find_worker, make_gate
from tests.test_pools_live import find_children
from tests.test_supervisor import wait_until

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="counts in /proc"
)

CONFIG = """\
listen: ["127.0.0.1:0"]
threads: 2
sites:
  - docroot: htdocs
    scripts:
      - {url: /thread/, path: scripts, runner: thread}
      - {url: /process/, path: scripts, runner: process}
      - {url: /page/, path: pages, output: page}
pools: {processes: 2}
limits: {body_in_memory: 16KiB}
log: {access: {path: log}}
"""
KINDS = ["thread", "process", "page"]
WAYS: dict[str, Callable[[Client], None]] = {
    "FIN": lambda client: client.socket.close(),
    "RST": Client.vanish,
}
ROUNDS = 3
# A traceback that is not tagged as a script's: those may well complain.
OURS = r'\[[0-9]+\] +File "'
# What the pool has forked ahead, and descriptors of that.
SPARES = 4
PER_SPARE = 4
# What the allocator, and the caches of files and code, take in their own time.
MEMORY = 8 << 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    for folder in ("htdocs", "scripts", "pages"):
        (tmp_path / folder).mkdir()
        for name, text in SCRIPTS.items():
            (tmp_path / folder / name).write_text(text)
    with (tmp_path / "htdocs" / "large.bin").open("wb") as file:
        file.truncate(64 << 20)
    (tmp_path / "config.yaml").write_text(CONFIG)
    with serving(tmp_path / "config.yaml") as server:
        yield server


# What is sent, by what happens then.
UNFINISHED = {
    "nothing": b"",
    "head": b"GET /thread/hello.py HTTP/1.1\r\nHost: x\r\nX",
    "content": b"POST /thread/content.py HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 99\r\n\r\nhello",
    "spooled content": b"POST /process/content.py HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 99999\r\n\r\n" + bytes(50_000),
    "chunk": b"POST /page/content.py HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n20000\r\n" + bytes(50_000),
    "between requests": b"HEAD /large.bin HTTP/1.1\r\nHost: x\r\n\r\n",
    "pipeline": b"GET /thread/hello.py HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET",
}


def leave_before_the_end(server: Server, leave: Callable[[Client], None]) -> None:
    for sent in UNFINISHED.values():
        with connect(server) as client:
            client.socket.sendall(sent)
            leave(client)


def leave_a_file(server: Server, leave: Callable[[Client], None]) -> None:
    with connect(server, receive_buffer=4096) as client:
        client.send("GET /large.bin HTTP/1.1")
        client.read_head()
        leave(client)


def leave_runs(server: Server, leave: Callable[[Client], None]) -> None:
    """Leave runs that wait before they print, that print, and that cannot go on."""
    for kind in KINDS:
        for script in ("gate.py", "lines.py", "flood.py"):
            with make_gate() as gate, connect(server, receive_buffer=4096) as client:
                words = f"{gate.port}+64" if script == "flood.py" else str(gate.port)
                client.send(f"GET /{kind}/{script}?{words} HTTP/1.1")
                gate.wait()
                if script == "lines.py":
                    gate.open()
                    client.read_head()
                elif script == "flood.py":
                    gate.read()
                leave(client)


def leave_queues(server: Server, leave: Callable[[Client], None]) -> None:
    """Leave runs that wait for a thread or a process, with content on the disk."""
    for kind in KINDS:
        with contextlib.ExitStack() as stack:
            clients = []
            for _ in range(2):
                gate = stack.enter_context(make_gate())
                clients.append(stack.enter_context(connect(server)))
                clients[-1].send(f"GET /{kind}/gate.py?{gate.port} HTTP/1.1")
                gate.wait()
            for _ in range(4):
                clients.append(stack.enter_context(connect(server)))
                clients[-1].send(
                    f"POST /{kind}/content.py HTTP/1.1",
                    "Content-Length: 50000",
                    body=bytes(50_000),
                )
            # Those in the queue first.
            for client in reversed(clients):
                leave(client)


class Counts(NamedTuple):
    descriptors: int
    threads: int
    pool_descriptors: int
    processes: int


def count(worker: int, pool: int) -> Counts:
    return Counts(
        len(os.listdir(f"/proc/{worker}/fd")),
        len(os.listdir(f"/proc/{worker}/task")),
        len(os.listdir(f"/proc/{pool}/fd")),
        len(find_children(pool)),
    )


def read_memory(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def vanish_everywhere(server: Server) -> None:
    for leave in WAYS.values():
        for point in (leave_before_the_end, leave_a_file, leave_runs, leave_queues):
            point(server, leave)
    for kind in KINDS:
        assert server.request(f"/{kind}/hello.py").status == 200


def test_everything_is_given_back(server: Server) -> None:
    worker = find_worker(server)
    for kind in KINDS:
        assert server.request(f"/{kind}/hello.py").status == 200
    (pool,) = find_children(server.process.pid) - {worker}
    first = count(worker, pool)
    vanish_everywhere(server)  # what is done for the first time is not counted
    allowed = Counts(
        first.descriptors,
        first.threads,
        first.pool_descriptors + SPARES * PER_SPARE,
        SPARES,
    )

    def has_settled() -> bool:
        seen = count(worker, pool)
        return all(a <= b for a, b in zip(seen, allowed, strict=True))

    wait_until(has_settled, f"{count(worker, pool)} becomes {allowed}")
    before = read_memory(worker)
    for _ in range(ROUNDS):
        vanish_everywhere(server)
    wait_until(has_settled, f"{count(worker, pool)} becomes {allowed}")
    assert read_memory(worker) - before < MEMORY
    assert re.search(OURS, server.stderr.text) is None
