"""5,000 mutated requests against a live server: it answers, and stays as it was."""

import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.http_site import serve_site
from tests.live import PATIENCE, Server
from tests.raw import find_worker
from tests.test_requests import NAMES, read_case, read_outcome

REQUESTS = 5000
SEED = 20110
# What malformed requests may be answered with beside 2xx, 3xx and 4xx: unknown transfer
# codings and versions (RFC 9110 sections 15.6.2 and 15.6.6).
REFUSED = {501, 505}
GROWTH = 8 << 20

WORDS = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"%00", b"%2e%2e/"),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n"),
    *(
        b"0\r\n\r\n",
        b"HTTP/1.0",
        b"HTTP/1.1",
        b"GET /",
        b"POST ",
        b"HEAD ",
        b"OPTIONS *",
    ),
    *(b"Range: bytes=0-1,-5,3-\r\n", b"If-Range: W/\r\n", b"Accept-Encoding: *\r\n"),
    *(b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"If-None-Match: *\r\n"),
    *(b"\xff\xfe", b"\x80" * 50, b"9" * 40, b"../" * 20, b"/cgi-bin/", b"\r\n\r\n"),
    *(
        b"Upgrade: websocket\r\n",
        b"X-Forwarded-For: ::1\r\n",
        b"Cookie: " + b"a" * 3000,
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_site(tmp_path_factory.mktemp("site")) as server:
        yield server


def list_seeds() -> list[bytes]:
    """Return requests: half of them, or more, are good ones."""
    cases = {name: read_case(name) for name in NAMES}
    # Large ones are only slower, and have tests of their own.
    small = {name: data for name, data in cases.items() if len(data) < 4000}
    good = [small[name] for name in small if read_outcome(name)[-1] == "open"]
    return [*small.values(), *good * (len(small) // len(good))]


def mutate(seeds: list[bytes], chance: random.Random) -> bytes:
    data = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 2, 4))):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 1, 1, 2, 8, 40)))
        match chance.randint(0, 4):
            case 0:
                piece = b""
            case 1:
                piece = bytes([chance.randrange(256)])
            case 2:
                piece = data[start:end] * 2
            case 3:
                other = chance.choice(seeds)
                piece = other[chance.randint(0, len(other)) :][:60]
            case _:
                piece = chance.choice(WORDS)
        data = data[:start] + piece + data[end:]
    return data


def exchange(address: tuple[str, int], data: bytes) -> bytes:
    """Send bytes and the end behind them; return all that comes back."""
    with socket.create_connection(address, PATIENCE) as client:
        answer = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            pass  # it was refused before all of it had come
        return answer


def read_resident(worker: int) -> int:
    status = Path(f"/proc/{worker}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) << 10


def test_mutated_requests_do_no_harm(server: Server) -> None:
    parts = urlsplit(server.url)
    assert parts.hostname
    assert parts.port
    address = parts.hostname, parts.port
    worker = find_worker(server)
    seeds = list_seeds()
    chance = random.Random(SEED)
    statuses: Counter[int] = Counter()
    before = 0
    for number in range(REQUESTS):
        if number == REQUESTS // 10:
            before = read_resident(worker)
        data = mutate(seeds, chance)
        answer = exchange(address, data)
        found = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
        assert all(code < 500 for code in {*found} - REFUSED), data
        statuses.update(found)

    assert read_resident(worker) - before < GROWTH
    # Most are refused; but enough of them get past the parser of heads.
    assert statuses[400] > REQUESTS / 2
    assert statuses[200] > REQUESTS / 10
    assert len(statuses) > 10
    assert find_worker(server) == worker
    assert server.request("/page.txt").text == "a page\n"
    assert "Traceback" not in server.stderr.text
