"""Raw requests, most of them malformed: what a live server answers to each.

A case is two files in tests/cases/requests: NAME.in has the bytes with escapes (\\r\\n)
and without its own line ends; NAME.out has the status of each answer, and whether the
connection is then "open" for another request or was closed.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http_site import serve_site
from tests.live import ROOT, Server
from tests.raw import connect

CASES = ROOT / "tests/cases/requests"
NAMES = sorted(path.stem for path in CASES.glob("*.in"))


def read_case(name: str, folder: Path = CASES) -> bytes:
    """Return the bytes of a case; lines that begin with # are comments."""
    lines = (folder / f"{name}.in").read_text("ascii").split("\n")
    text = "".join(line for line in lines if not line.startswith("#"))
    return codecs.decode(text, "unicode_escape").encode("latin-1")


def read_outcome(name: str) -> list[str]:
    """Return the statuses of a case, and the state behind them."""
    return (CASES / f"{name}.out").read_text("ascii").split()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_site(tmp_path_factory.mktemp("site")) as server:
        yield server


def test_there_are_cases() -> None:
    assert len(NAMES) > 100
    assert {path.stem for path in CASES.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_request(server: Server, name: str) -> None:
    *statuses, state = read_outcome(name)
    answered = 0
    with connect(server) as client:
        client.socket.sendall(read_case(name))
        for status in statuses:
            # A case with HEAD ends with it: its answer has a length and no content.
            raw = client.read_head()
            answered += 1
            is_head = answered == len(statuses) and b"HEAD " in read_case(name)
            if not is_head and raw.status not in (100, 103, 204, 304):
                client.read_body(raw)
            assert raw.status == int(status)
        if state == "open":
            client.send("GET /page.txt HTTP/1.1", "Connection: close")
            raw = client.read_response()
            assert (raw.status, raw.text) == (200, "a page\n")
        assert client.is_ended()
    assert state in ("open", "close")
