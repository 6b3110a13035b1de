"""A client that sends any bytes, and a gate at which a script waits for its test."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.live import PATIENCE, Server

LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Raw:
    """A response as it was on the wire; ``fields`` has lower-case names."""

    status: int
    head: bytes
    fields: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    """One connection; ``buffer`` is what came and was not looked at yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.socket.settimeout(PATIENCE)
        self.buffer = b""

    def send(self, *lines: str, body: bytes = b"") -> None:
        """Send a head of these lines and a Host field, and a body behind it."""
        head = "\r\n".join([lines[0], "Host: localhost", *lines[1:], "", ""])
        self.socket.sendall(head.encode("latin-1") + body)

    def read_until(self, end: bytes) -> bytes:
        """Return what comes up to and with ``end``."""
        while end not in self.buffer:
            data = self.socket.recv(65536)
            assert data, f"the connection ended within {self.buffer!r}"
            self.buffer += data
        found, _, self.buffer = self.buffer.partition(end)
        return found + end

    def read_exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            data = self.socket.recv(65536)
            assert data, f"the connection ended within {self.buffer!r}"
            self.buffer += data
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def read_to_end(self) -> bytes:
        """Return all that comes until the server closes its side."""
        while data := self.socket.recv(65536):
            self.buffer += data
        found, self.buffer = self.buffer, b""
        return found

    def read_head(self) -> Raw:
        """Return a response without its body, which is to be read, or is none."""
        head = self.read_until(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        assert status_line.startswith("HTTP/1.1 ")
        pairs = (line.split(": ", 1) for line in lines)
        fields = {name.lower(): value for name, value in pairs}
        return Raw(int(status_line.split(" ")[1]), head, fields, b"")

    def read_response(self) -> Raw:
        """Return a response with its body, as its framing says."""
        raw = self.read_head()
        return Raw(raw.status, raw.head, raw.fields, self.read_body(raw))

    def read_body(self, raw: Raw) -> bytes:
        """Return the body behind a head, as its framing says."""
        if "content-length" in raw.fields:
            return self.read_exactly(int(raw.fields["content-length"]))
        if raw.fields.get("transfer-encoding") == "chunked":
            return b"".join(self.read_chunks())
        assert raw.fields["connection"] == "close"
        return self.read_to_end()

    def read_chunks(self) -> Iterator[bytes]:
        """Yield the chunks of a body."""
        while size := int(self.read_until(b"\r\n"), 16):
            yield self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
        assert self.read_exactly(2) == b"\r\n"

    def is_ended(self) -> bool:
        """Wait for the server to close; tell whether it sent nothing more before."""
        return self.read_to_end() == b""

    def vanish(self) -> None:
        """Reset the connection, as the system of a killed client does."""
        option = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        self.socket.close()


@contextlib.contextmanager
def connect(server: Server, *, receive_buffer: int = 0) -> Iterator[Client]:
    """Open a connection and close it in the end."""
    parts = urlsplit(server.url)
    assert parts.hostname
    assert parts.port
    family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
    with socket.socket(family) as sock:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        sock.connect((parts.hostname, parts.port))
        yield Client(sock)


class Gate:
    """Where a script waits: it connects to ``port``, and reads until it may go on."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._sock: socket.socket | None = None
        self.port: int = listener.getsockname()[1]

    def wait(self) -> None:
        """Wait for a script to arrive."""
        self._sock, _ = self._listener.accept()
        self._sock.settimeout(PATIENCE)

    @property
    def socket(self) -> socket.socket:
        """The connection to the script that arrived."""
        assert self._sock
        return self._sock

    def open(self) -> None:
        """Let the script go on."""
        self.socket.sendall(b"g")

    def read(self) -> bytes:
        """Return a byte from the script."""
        return self.socket.recv(1)

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()


@contextlib.contextmanager
def make_gate() -> Iterator[Gate]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        gate = Gate(listener)
        try:
            yield gate
        finally:
            gate.close()


def find_worker(server: Server) -> int:
    """Return the process id of the server's only worker (Linux)."""
    supervisor = server.process.pid
    with open(f"/proc/{supervisor}/task/{supervisor}/children") as children:
        return int(children.read().split()[0])
