"""A key that root alone can read: the workers have it, and nobody gets it from them."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.raw import Client
from tests.root_server import ACCOUNT, Python, RootServer, as_root
from tests.tls_site import HOST, Authority

CONFIG = f"""\
listen: ["https://127.0.0.1:0"]
tls: {{certificate: chain.pem, key: key.pem}}
user: {ACCOUNT}
sites:
  - scripts:
      - url: /thread/
        path: cgi-bin
        runner: thread
        environment: {{KEY: KEY_FILE}}
      - url: /process/
        path: cgi-bin
        runner: process
        environment: {{KEY: KEY_FILE}}
"""

SCRIPT = """\
import json, os, subprocess
def look(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""
try:
    stolen = open(os.environ["KEY"]).read() and "the file"
except PermissionError:
    stolen = ""
files = [look("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd")]
child = subprocess.run(
    ["sh", "-c", "env; ls -l /proc/self/fd"], capture_output=True, text=True
).stdout
print("Content-Type: application/json\\n")
print(json.dumps([stolen, files, sorted(os.environ.values()), child, os.getuid()]))
"""


@pytest.fixture
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture
def server(
    python: Python, open_folder: Path, authority: Authority
) -> Iterator[RootServer]:
    for name in ("htdocs", "cgi-bin"):
        (open_folder / name).mkdir()
    authority.write(open_folder)
    text = CONFIG.replace("KEY_FILE", f"{open_folder}/key.pem")
    (open_folder / "config.yaml").write_text(text)
    (open_folder / "cgi-bin/steal.py").write_text(SCRIPT)
    server = RootServer(python, open_folder)
    yield server
    assert server.stop() == 0, server.stderr.text


def ask(server: RootServer, authority: Authority, target: str) -> bytes:
    port = int(server.stdout.wait_for(r"https://127.0.0.1:(\d+)")[1])
    context = authority.make_context()
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname=HOST) as sock,
    ):
        client = Client(sock)
        client.send(f"GET {target} HTTP/1.1")
        return client.read_response().body


@as_root
def test_the_key_is_out_of_reach_of_scripts(
    server: RootServer, authority: Authority
) -> None:
    for runner in ("thread", "process"):
        stolen, files, environment, child, uid = json.loads(
            ask(server, authority, f"/{runner}/steal.py")
        )
        assert uid != 0
        assert stolen == ""
        assert not [file for file in files if "memfd" in file or "pem" in file]
        assert not [value for value in environment if "PRIVATE" in value]
        assert "PRIVATE" not in child
        assert "memfd" not in child
    assert "AS ROOT" not in server.stderr.text


@as_root
def test_a_worker_that_takes_over_has_the_key_as_well(
    server: RootServer, authority: Authority, open_folder: Path
) -> None:
    (open_folder / "htdocs/index.html").write_text("hello")
    assert ask(server, authority, "/") == b"hello"
    # Not read again: who has the file replaced, has not said so yet.
    os.unlink(open_folder / "key.pem")
    supervisor = server.process.pid
    with open(f"/proc/{supervisor}/task/{supervisor}/children") as children:
        worker = int(children.read().split()[0])
    os.kill(worker, signal.SIGKILL)
    server.stderr.wait_for("another one starts")
    # Connections wait in the backlog meanwhile.
    assert ask(server, authority, "/") == b"hello"
