"""Hostile paths against a live server: tests/cases/paths/live.txt, one line each.

What lies there is in site.txt, and the settings are in config.yaml.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import ROOT, Server, serving
from tests.raw import connect

CASES = ROOT / "tests/cases/paths"
SECRET, PUBLIC = "s3cret", "a public word"
SCRIPT = f"""\
#!/usr/bin/env python3
# {SECRET}
print("Content-Type: text/plain\\n\\n{PUBLIC}")
"""


def read_rows(name: str) -> list[list[str]]:
    lines = (CASES / name).read_text("ascii").split("\n")
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def unescape(text: str) -> str:
    """Return one character for each byte; only "\\xNN" is an escape."""
    parts = text.split("\\x")
    tails = [chr(int(part[:2], 16)) + part[2:] for part in parts[1:]]
    return "".join([parts[0], *tails])


def make_site(folder: Path) -> None:
    # As of a file of users, which one of them is.
    secret = f"{SECRET}:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"
    contents = {"secret": secret, "public": PUBLIC, "script": SCRIPT}
    for kind, name, *targets in read_rows("site.txt"):
        path = os.path.join(os.fsencode(folder), unescape(name).encode("latin-1"))
        if kind == "folder":
            os.mkdir(path)
        elif kind == "link":
            os.symlink(targets[0], path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            os.chdir(folder)  # for its path would be too long
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(name)
        else:
            with open(path, "w") as file:
                file.write(contents[kind])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("site")
    kept = os.getcwd()
    try:
        make_site(folder)
    finally:
        os.chdir(kept)
    shutil.copy(CASES / "config.yaml", folder)
    with serving(folder / "config.yaml") as server:
        yield server


ROWS = read_rows("live.txt")


def ask(server: Server, target: str, host: str, *fields: str) -> tuple[int, str]:
    head = "\r\n".join(
        [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *fields]
    )
    with connect(server) as client:
        client.socket.sendall(f"{head}\r\n\r\n".encode("latin-1"))
        raw = client.read_response()
        assert client.is_ended()
    return raw.status, raw.body.decode("latin-1")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row))
def test_path(server: Server, row: list[str]) -> None:
    target, status, host, field = (*row, "", "")[:4]
    fields = [field] if field else []
    got, text = ask(server, unescape(target), host or "localhost", *fields)
    assert SECRET not in text
    assert "htdocs" not in text or got == 301  # nor where it lies
    assert got == int(status)
    if got == 200:
        assert PUBLIC in text


@pytest.mark.parametrize(
    "target",
    [
        "/" + 300 * "x",
        "/" + 4000 * "x/",
        "/" + 7000 * "x",
        "/folder/" + 300 * "x" + ".py",
        "/cgi-bin/" + 300 * "x" + ".py",
        "/" + 2000 * "%2e%2e%2f",
        "/" + 100 * "a/" + 100 * "../" + 300 * "x",
    ],
    ids=len,
)
def test_names_that_are_too_long_are_not_found(server: Server, target: str) -> None:
    status, _ = ask(server, target, "localhost")
    assert status in (404, 414)


@pytest.mark.parametrize("target", ["/", "/folder/", "/everything/", "/folder.py/"])
def test_listing_names_nothing_that_would_be_refused(
    server: Server, target: str
) -> None:
    status, text = ask(server, target, "localhost")
    assert status == 200
    # Whole names: "cgi-bin" is a folder that leads nowhere.
    names = {line.split('"')[1] for line in text.splitlines() if "<li><a href" in line}
    assert names
    for name in names - {"../"}:
        assert ask(server, f"{target}{name}", "localhost")[0] == 200, name
