"""The same requests for static files to nginx, Apache and ours: the answers agree.

The table is tests/cases/static/requests.txt; where one of them differs on purpose, its
line says so.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.accounts import public_folder
from tests.front_servers import APACHE, NGINX
from tests.live import ROOT, Server
from tests.live_site import Client, Reply
from tests.static_servers import make_docroot, start_apache, start_nginx

TABLE = ROOT / "tests/cases/static/requests.txt"
CONFIG = """\
listen: ["127.0.0.1:0"]
sites: [{docroot: htdocs, scripts: []}]
"""
Address = tuple[str, int] | str


@dataclass(frozen=True, slots=True)
class Line:
    """A request of the table, and why which oracles do not count."""

    number: int
    method: str
    target: str
    version: str
    fields: tuple[str, ...]
    exceptions: Mapping[str, str]


def read_table() -> list[Line]:
    lines = []
    for number, text in enumerate(TABLE.read_text().splitlines(), 1):
        if not text or text.startswith("#"):
            continue
        request, *notes = text.split(" ! ")
        first, *fields = [part.strip() for part in request.split(" | ")]
        method, target, *version = first.split(" ")
        exceptions = {note.split(" ")[0]: note.partition(" ")[2] for note in notes}
        lines.append(
            Line(
                *(number, method, target, "".join(version) or "HTTP/1.1"),
                *(tuple(fields), exceptions),
            )
        )
    return lines


LINES = read_table()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with public_folder() as folder:
        make_docroot(folder)
        yield folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> Iterator[Address]:
    (folder / "config.yaml").write_text(CONFIG)
    server = Server(folder / "config.yaml")
    try:
        server.wait_until_ready()
        url = urlsplit(server.url)
        assert url.hostname
        assert url.port
        yield url.hostname, url.port
    finally:
        server.stop()


def ask(address: Address, line: Line, own: Mapping[str, str]) -> Reply:
    """Send a request of the table on a connection of its own."""
    fields = []
    for field in line.fields:
        for name, value in own.items():
            field = field.replace(f"{{{name}}}", value)
        fields.append(field)
    with Client(address) as client:
        client.send(line.target, *fields, method=line.method, version=line.version)
        return client.receive(line.method)


def read_own(address: Address) -> dict[str, str]:
    """Return the validators that a server has for /a.txt."""
    with Client(address) as client:
        client.send("/a.txt")
        reply = client.receive()
    etag, date = reply.get("ETag"), reply.get("Last-Modified")
    assert etag
    assert date
    return {"etag": etag, "date": date}


def read_parts(reply: Reply) -> list[tuple[str, bytes]]:
    """Return Content-Range and content of each part."""
    kind = reply.get("Content-Type") or ""
    assert kind.startswith("multipart/byteranges")
    boundary = kind.partition("boundary=")[2].encode()
    _, *parts, end = reply.body.split(b"\r\n--" + boundary)
    assert end == b"--\r\n"
    found = []
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        range_ = re.search(rb"(?i)^content-range: (.*?)\r?$", head, re.MULTILINE)
        assert range_
        found.append((range_[1].decode(), content))
    return found


def describe(reply: Reply) -> dict[str, object]:
    """Return what matters of a response."""
    seen: dict[str, object] = {"status": reply.status}
    if reply.status in (301, 302):
        seen["Location"] = urlsplit(reply.get("Location") or "")._replace(
            scheme="", netloc=""
        )
    if reply.status in (416, 206):
        seen["Content-Range"] = reply.get("Content-Range")
    if reply.status in (200, 206):
        for name in ("Last-Modified", "Content-Encoding"):
            seen[name] = reply.get(name)
        seen["Accept-Ranges"] = reply.get("Accept-Ranges") or "bytes"
        kind = (reply.get("Content-Type") or "").partition(";")[0]
        seen["Content-Type"] = ALIKE.get(kind, kind)
        if kind == "multipart/byteranges":
            seen["parts"] = read_parts(reply)
        else:
            seen["Content-Length"] = reply.get("Content-Length")
            seen["content"] = reply.body
    if reply.status == 304:
        assert not reply.body
        assert reply.get("ETag")
    return seen


# Types that mean the same, or that only one of us knows: nginx knows few.
ALIKE = {
    "application/javascript": "text/javascript",
    "text/xml": "application/xml",
    "": "application/octet-stream",
    "application/x-gzip": "application/gzip",
}


def test_the_table_has_enough_lines() -> None:
    assert len(LINES) >= 200
    agreed = [line for line in LINES if len(line.exceptions) < 2]
    assert len(agreed) >= 200
    assert all(why for line in LINES for why in line.exceptions.values())


@pytest.mark.parametrize(
    ("name", "start"),
    [
        pytest.param(
            "nginx",
            start_nginx,
            marks=pytest.mark.skipif(not NGINX, reason="nginx is not installed"),
        ),
        pytest.param(
            "Apache",
            start_apache,
            marks=pytest.mark.skipif(not APACHE, reason="Apache is not installed"),
        ),
    ],
)
def test_answers_agree(
    folder: Path,
    ours: Address,
    name: str,
    start: Callable[[Path], AbstractContextManager[Address]],
) -> None:
    mine = read_own(ours)
    differ = []
    with start(folder) as oracle:
        theirs = read_own(oracle)
        for line in LINES:
            if name in line.exceptions:
                continue
            found = describe(ask(ours, line, mine))
            wanted = describe(ask(oracle, line, theirs))
            if found != wanted:
                differ.append((line, found, wanted))
    text = "\n".join(f"{line}\n  ours {a}\n  {name} {b}" for line, a, b in differ)
    assert not differ, text
