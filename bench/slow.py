#!/usr/bin/env python3
"""Measure how long a quick static file takes while slow clients hang on.

One worker, and one client that asks again and again on one connection.  The slow ones
are in a process of their own: they send heads or bodies by the byte, or read a large
file or a script's output by the kibibyte.  In turns with an idle server; the medians of
all rounds count.  p99 is to stay below three times its idle value.
"""

import argparse
import contextlib
import multiprocessing
import platform
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import servers

CONFIG = """\
listen: ["127.0.0.1:0"]
workers: 1
limits: {{connections: 2048}}
sites:
  - docroot: {folder}
    scripts: [{{url: /, path: {folder}, match: ["*.py"], runner: thread}}]
log: {{access: {{path: /dev/null}}}}
"""
FLOOD = """\
import sys
print("Content-Type: application/octet-stream\\n", flush=True)
for _ in range(1000):
    sys.stdout.buffer.write(bytes(65536))
"""
# Name -> what is sent at first, and what then again and again; None: it reads.
KINDS: dict[str, tuple[bytes, bytes | None]] = {
    "slow heads": (b"GET /small.bin HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
    "slow bodies": (
        b"POST /flood.py HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n",
        b"x" * 500,
    ),
    "slow readers of a file": (b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "slow readers of a script": (b"GET /flood.py HTTP/1.1\r\nHost: x\r\n\r\n", None),
}
# Between two steps of each slow client.
STEP_SECONDS = 0.5
READ_SIZE = 1024


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1, help="of one round")
    parser.add_argument("--clients", type=int, default=200, help="that are slow")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "site"
        folder.mkdir()
        (folder / "small.bin").write_bytes(bytes(1024))
        (folder / "flood.py").write_text(FLOOD)
        with (folder / "large.bin").open("wb") as file:
            file.truncate(64 << 20)
        config = CONFIG.format(folder=folder)
        with servers.serve_ours(config, Path(name)) as (url, _):
            print(f"Python {platform.python_version()}, {options.clients} slow clients")
            compare(url, options)


def compare(url: str, options: argparse.Namespace) -> None:
    """Measure in turns, and print the medians of p50 and p99."""
    results: dict[str, list[tuple[float, float]]] = {"idle": []}
    results.update((kind, []) for kind in KINDS)
    measure(url, 0.5)  # to warm up
    for _ in range(options.rounds):
        for kind, found in results.items():
            with hang_on(url, kind, options.clients):
                found.append(measure(url, options.seconds))
    idle = 0.0
    for kind, found in results.items():
        p50, p99 = (statistics.median(column) for column in zip(*found, strict=True))
        idle = idle or p99
        print(
            f"{kind:25} p50 {p50 * 1e6:7.0f} us   p99 {p99 * 1e6:7.0f} us"
            f"   {p99 / idle:5.2f} times idle",
            flush=True,
        )


def measure(url: str, seconds: float) -> tuple[float, float]:
    """Return p50 and p99 of one request after the other, in seconds."""
    times = []
    request = b"GET /small.bin HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(url) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            sock.sendall(request)
            receive_response(sock)
            times.append(time.perf_counter() - began)
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[98]


def receive_response(sock: socket.socket) -> None:
    data = sock.recv(65536)
    if not data.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"not a good answer: {data[:200]!r}")
    size = data.index(b"\r\n\r\n") + 4 + 1024
    while len(data) < size:
        data += sock.recv(65536)


def connect(url: str, receive_buffer: int = 0) -> socket.socket:
    parts = urlsplit(url)
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(servers.PATIENCE)
    sock.connect((parts.hostname, parts.port))
    return sock


@contextlib.contextmanager
def hang_on(url: str, kind: str, clients: int) -> Iterator[None]:
    """Let a process have slow clients of that kind, or none for "idle"."""
    if kind == "idle":
        yield
        return
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=be_slow, args=(url, kind, clients, theirs))
    process.start()
    try:
        if not ours.poll(servers.PATIENCE):
            raise RuntimeError("the slow clients do not get through")
        yield
    finally:
        process.kill()
        process.join()


def be_slow(url: str, kind: str, clients: int, ready: Connection) -> None:
    """Step from one client to the next, for ever; say when all are there."""
    first, more = KINDS[kind]
    socks = [connect(url, 0 if more else 4096) for _ in range(clients)]
    for sock in socks:
        sock.sendall(first)
        sock.setblocking(False)
    ready.send(None)
    while True:
        for index, sock in enumerate(socks):
            if not step(sock, more):
                sock.close()
                socks[index] = connect(url, 0 if more else 4096)
                socks[index].sendall(first)
                socks[index].setblocking(False)
            time.sleep(STEP_SECONDS / clients)


def step(sock: socket.socket, more: bytes | None) -> bool:
    """Send or read a little; tell whether the connection is still there."""
    try:
        if more is None:
            return bool(sock.recv(READ_SIZE))
        sock.send(more)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
