"""A site for live tests, and a client that sends and sees every byte.

The site is in tests/cases/live; http.client would repair too much of what we send.
"""

import http.client
import io
import json
import re
import socket
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypedDict, cast
from urllib.parse import quote, urlsplit

from tests.live import PATIENCE, ROOT, Server

LIVE = ROOT / "tests/cases/live"
CGI_BIN = LIVE / "cgi-bin"
HTDOCS = LIVE / "htdocs"

CONFIG = f"""\
listen: ["127.0.0.1:0", "unix:http.sock"]
trusted_proxies: [unix]
limits: {{response_head: 4KiB}}
sites:
  - hosts: ["127.0.0.1", localhost, "[::1]", example.org, bücher.example]
    docroot: {HTDOCS}
    aliases: {{/icons/: {LIVE}/icons}}
    headers: {{X-Site: main, X-Frame-Options: DENY}}
    error_pages: {{404: /errors/404.html, 403: /cgi-bin/error_page.py}}
    scripts:
      - {{url: /cgi-bin/, path: {CGI_BIN}, environment: {{GREETING: hello}}}}
      - {{url: /short/, path: {CGI_BIN}, timeout: 1s}}
      - {{url: /no-words/, path: {CGI_BIN}, indexed_query: false}}
      - {{url: /authorized/, path: {CGI_BIN}, pass_authorization: true}}
  - hosts: ["*.wild.example", other.example]
    docroot: {LIVE}/wild
    scripts: [{{url: /cgi-bin/, path: {CGI_BIN}}}]
"""

# A site without anything, for tests that write their own scripts.  Most are about
# threads, also with what would rather have a process.
EMPTY = """\
listen: ["127.0.0.1:0"]
sites:
  - docroot: htdocs
    scripts: [{url: /cgi-bin/, path: cgi-bin, runner: thread}]
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as it was on the wire; text is ISO-8859-1."""

    status: int
    reason: str
    fields: Sequence[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return the values of all fields of that name."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """Return the value of the only field of that name."""
        values = self.all(name)
        assert len(values) < 2, f"{name} repeated: {values}"
        return values[0] if values else None


class Seen(TypedDict):
    """What environ.py saw."""

    environ: dict[str, str]
    argv: list[str]
    cwd: str
    stdin: str


class _Input(io.BufferedReader):
    """What a connection receives.

    It outlives each http.client.HTTPResponse, because it may hold the next response.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(socket.SocketIO(connection, "rb"))

    def makefile(self, mode: str) -> "_Input":
        return self

    def close(self) -> None:
        """Stay open: HTTPResponse means its own response only."""

    def release(self) -> None:
        super().close()


class Client:
    """One connection; ``address`` is a host and port, or the path of a socket."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if isinstance(address, tuple) and ":" in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.input = _Input(self.socket)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.input.release()
        self.socket.close()

    def send(
        self,
        target: str,
        *fields: str,
        method: str = "GET",
        body: bytes | None = None,
        version: str = "HTTP/1.1",
    ) -> None:
        """Send a request; fields are whole lines.  Host is added if it is missing."""
        lines = [f"{method} {target} {version}", *fields]
        if not any(line.lower().startswith("host:") for line in fields):
            lines.append("Host: localhost")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "".join(f"{line}\r\n" for line in lines) + "\r\n"
        self.socket.sendall(head.encode("latin-1") + (body or b""))

    def receive(self, method: str = "GET") -> Reply:
        """Receive one response; http.client.HTTPException if it is cut off."""
        response = self.begin(method)
        body = response.read()
        return Reply(response.status, response.reason, response.getheaders(), body)

    def begin(self, method: str = "GET") -> http.client.HTTPResponse:
        """Receive the head of a response; the caller reads the content."""
        # It only wants makefile.
        source = cast(socket.socket, self.input)
        response = http.client.HTTPResponse(source, method=method)
        response.begin()
        return response

    def receive_all(self) -> bytes:
        """Receive until the server closes the connection."""
        return self.input.read()


class Site:
    """The site of CONFIG under way; ``folder`` is its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        url = urlsplit(server.url)
        assert url.hostname
        assert url.port
        self.port = url.port
        self._address = (url.hostname, url.port)

    def write(self, name: str, source: str) -> Path:
        """Write a script of the EMPTY site."""
        path = self.folder / "cgi-bin" / name
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    def open(self, *, unix: bool = False) -> Client:
        """Open a connection, which the caller closes."""
        return Client(str(self.folder / "http.sock") if unix else self._address)

    def ask(
        self,
        target: str,
        *fields: str,
        method: str = "GET",
        body: bytes | None = None,
        version: str = "HTTP/1.1",
        unix: bool = False,
    ) -> Reply:
        """Send one request on a connection of its own; nothing is followed."""
        with self.open(unix=unix) as client:
            client.send(target, *fields, method=method, body=body, version=version)
            return client.receive(method)

    def say(self, output: bytes, *fields: str, method: str = "GET") -> Reply:
        """Let a script print exactly that."""
        target = f"/cgi-bin/say.py?{quote(output, safe='')}"
        return self.ask(target, *fields, method=method)

    def see(
        self,
        target: str = "/cgi-bin/environ.py",
        *fields: str,
        method: str = "GET",
        body: bytes | None = None,
        version: str = "HTTP/1.1",
        unix: bool = False,
    ) -> Seen:
        """Return what a script saw of a request."""
        reply = self.ask(
            target, *fields, method=method, body=body, version=version, unix=unix
        )
        assert reply.status == 200, reply
        seen: Seen = json.loads(reply.body)
        return seen

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """Wait for a line in the error log."""
        return self.server.stderr.wait_for(pattern)


@contextmanager
def start_site(folder: Path, config: str = CONFIG) -> Iterator[Site]:
    """Start a server for the site, and stop it at the end.

    A server that the test has not ended itself must end with exit code 0 on SIGTERM.
    """
    for name in ("htdocs", "cgi-bin"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(config, encoding="utf-8")
    server = Server(path)
    try:
        server.wait_until_ready()
        yield Site(server, folder)
    finally:
        was_running = server.process.poll() is None
        code = server.stop()
    assert code == 0 or not was_running, server.stderr.text
