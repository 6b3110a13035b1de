"""One id leads from an error page to the lines of both logs."""

import json
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

from tests.conftest import Serve
from tests.live import PATIENCE, Server

CONFIG = """\
listen: ["127.0.0.1:0"]
sites: [{docroot: htdocs, scripts: [{url: /cgi-bin/, path: cgi-bin}]}]
log: {access: {format: json}}
"""


def start(serve: Serve, folder: Path) -> Server:
    (folder / "htdocs").mkdir()
    (folder / "cgi-bin").mkdir()
    (folder / "cgi-bin" / "fail.py").write_text("1 / 0\n")
    return serve(CONFIG)


def find_id(page: bytes) -> str:
    match = re.search(rb"Request ([0-9a-f]+)", page)
    assert match
    return match[1].decode()


def wait_for_entry(server: Server, request_id: str) -> dict[str, object]:
    line = server.stdout.wait_for(rf'.*"run_id": ?"{request_id}".*').group()
    entry: dict[str, object] = json.loads(line)
    return entry


def test_a_script_that_fails_has_one_id_everywhere(
    serve: Serve, tmp_path: Path
) -> None:
    server = start(serve, tmp_path)
    request_id = find_id(server.request("/cgi-bin/fail.py").body)
    assert wait_for_entry(server, request_id)["status"] == 500
    server.stderr.wait_for(rf"/cgi-bin/fail\.py {request_id}\] ZeroDivisionError")


def test_what_is_no_request_has_an_id_too(serve: Serve, tmp_path: Path) -> None:
    server = start(serve, tmp_path)
    url = urlsplit(server.url)
    assert url.hostname
    assert url.port
    address = (url.hostname, url.port)
    with socket.create_connection(address, timeout=PATIENCE) as client:
        client.sendall(b"nonsense\r\n\r\n")
        page = b""
        while data := client.recv(65536):
            page += data
    request_id = find_id(page)
    assert wait_for_entry(server, request_id)["status"] == 400
    server.stderr.wait_for(rf"400 refused: .*\[{request_id}\]")


def test_an_access_log_that_nobody_reads_gets_no_entries(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    server = serve(
        "listen: ['127.0.0.1:0']\nsites: [{docroot: htdocs}]\n"
        "log: {access: {path: /dev/null}}\n"
    )
    assert server.request("/a.txt").text == "a"
    assert "/a.txt" not in server.stdout.text
