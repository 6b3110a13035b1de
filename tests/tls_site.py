"""A site with TLS for tests: certificates that are made here, and clients for it."""

import contextlib
import datetime
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.http_site import SCRIPTS
from tests.live import URL, Server
from tests.raw import Client, connect

HOST = "one.example"


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates, and makes clients that trust them."""

    ca: trustme.CA

    def write(
        self, folder: Path, *, days: int = 30, host: str = HOST
    ) -> trustme.LeafCert:
        """Write ``chain.pem`` and ``key.pem``, valid for so many days."""
        end = datetime.datetime.now(datetime.timezone.utc)
        end += datetime.timedelta(days=days)
        start = end - datetime.timedelta(days=60)
        leaf = self.ca.issue_cert(host, not_before=start, not_after=end)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        (folder / "chain.pem").write_bytes(chain)
        (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())
        (folder / "key.pem").chmod(0o600)
        return leaf

    def make_context(self) -> ssl.SSLContext:
        """Return what a client that trusts the authority connects with."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context


CONFIG = """\
listen: ["https://127.0.0.1:0", "127.0.0.1:0"]
tls: {{certificate: chain.pem, key: key.pem}}
loop: {loop}
sites:
  - hosts: [{host}, two.example]
    docroot: htdocs
    scripts: [{{url: /, path: htdocs, runner: thread}}]
limits: {{request_body: 128MiB}}
log: {{error: {{path: "-", level: debug}}}}
"""

ENVIRON = """\
import json, os
print("Content-Type: application/json\\n")
print(json.dumps(dict(os.environ)))
"""

# Until nobody takes it any more.
POUR = """\
import sys
print("Content-Type: text/plain\\n", flush=True)
try:
    for _ in range(1000):
        sys.stdout.buffer.write(bytes(65536))
except BrokenPipeError:
    pass
"""
OWN = {"environ.py": ENVIRON, "pour.py": POUR, "page.txt": "a page\n"}


class TLSSite:
    """A server under way; ``folder`` has its certificate."""

    def __init__(self, server: Server, folder: Path, authority: Authority) -> None:
        self.server = server
        self.folder = folder
        self.authority = authority
        self.plain_port = int(server.stdout.wait_for(r"http://127.0.0.1:(\d+)")[1])

    @contextlib.contextmanager
    def connect(
        self, context: ssl.SSLContext | None = None, *, name: str = HOST
    ) -> Iterator[Client]:
        """Open a connection with TLS; it asks for the host by ``name``."""
        context = context or self.authority.make_context()
        with (
            connect(self.server) as raw,
            context.wrap_socket(raw.socket, server_hostname=name) as sock,
        ):
            yield Client(sock)

    def ask(self, target: str, *, host: str = HOST) -> tuple[int, bytes]:
        """Send one request on a connection of its own."""
        with self.connect() as client:
            lines = f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close"
            client.socket.sendall("\r\n".join([*lines, "", ""]).encode())
            response = client.read_response()
            return response.status, response.body


@contextlib.contextmanager
def serve_tls(folder: Path, authority: Authority, loop: str) -> Iterator[TLSSite]:
    """Start a server; it must end with exit code 0 on SIGTERM."""
    authority.write(folder)
    pages = folder / "htdocs"
    pages.mkdir()
    for name, text in {**SCRIPTS, **OWN}.items():
        (pages / name).write_text(text)
    with (pages / "large.bin").open("wb") as file:
        file.truncate(64 << 20)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(loop=loop, host=HOST))
    server = Server(config)
    try:
        server.wait_until_ready(f"(?s){URL}.*listen")
        server.url = server.stdout.wait_for(r"https://[0-9.:]+")[0]
        yield TLSSite(server, folder, authority)
    finally:
        code = server.stop()
    assert code == 0, server.stderr.text
