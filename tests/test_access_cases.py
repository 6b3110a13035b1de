"""Who may see what, and what scripts are told of it: answers of a live server.

A case is two files in tests/cases/access: NAME.in has a request, as in
tests/cases/requests; NAME.out has its status, then one line each that the response
has, or with "!" in front, how no line of it begins; "!*": what is nowhere in it.  The
sites are those of access_site.py.  Clients are at 127.0.0.1, a trusted proxy; those of
``untrusted-*`` at 127.0.0.2, which nobody trusts.
"""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.access_site import CASES, serve_access
from tests.live import PATIENCE, Server
from tests.raw import Client
from tests.test_requests import read_case

NAMES = sorted(path.stem for path in CASES.glob("*.in"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_access(tmp_path_factory.mktemp("site")) as server:
        yield server


def ask(server: Server, request: bytes, source: str) -> tuple[int, list[str]]:
    """Return the status of the first final response, and all of its lines."""
    parts = urlsplit(server.url)
    address = parts.hostname, parts.port
    with socket.create_connection(address, PATIENCE, (source, 0)) as sock:
        client = Client(sock)
        sock.sendall(request)
        raw = client.read_head()
        while raw.status == 103:
            # As many as there are before it is seen that there are too many.
            raw = client.read_head()
        is_empty = request.startswith(b"HEAD") or raw.status in (100, 101, 204)
        body = b"" if is_empty else client.read_body(raw)
        text = raw.head.decode("latin-1") + body.decode()
        return raw.status, text.splitlines()


def test_there_are_cases() -> None:
    assert len(NAMES) > 100
    assert {path.stem for path in CASES.glob("*.out")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_case(server: Server, name: str) -> None:
    status, *wanted = (CASES / f"{name}.out").read_text("utf-8").splitlines()
    source = "127.0.0.2" if name.startswith("untrusted-") else "127.0.0.1"
    answered, lines = ask(server, read_case(name, CASES), source)
    assert answered == int(status), lines
    for line in wanted:
        if line.startswith("!*"):
            assert line[2:] not in "\n".join(lines)
        elif line.startswith("!"):
            assert not [one for one in lines if one.startswith(line[1:])]
        else:
            assert line in lines


def test_no_password_is_logged(server: Server) -> None:
    logged = server.stdout.text + server.stderr.text
    for secret in ("sesam", "c2VzYW", "$2y$", "$apr1$"):
        assert secret not in logged
