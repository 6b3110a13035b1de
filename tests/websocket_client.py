"""A client that speaks WebSocket as badly as a test wants, and the cases for it.

A case is two files in tests/cases/websocket.  NAME.in has what is sent behind the
handshake, with escapes (\\x81) and without its own line ends; lines that begin with #
are comments.  NAME.out has what an echo answers, and how it ends: with "open", with
"close" and the code of our close frame, or with "waits", for the frame is not complete.
"""

import codecs
import os
from types import TracebackType

from tests.live import ROOT
from tests.live_site import Client, Site

CASES = ROOT / "tests/cases/websocket"
NAMES = sorted(path.stem for path in CASES.glob("*.in"))
# The limit of a message that the cases are made for.
LONGEST = 1024
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = (
    "Connection: keep-alive, Upgrade",
    "Upgrade: WebSocket",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def read_sent(name: str) -> bytes:
    lines = (CASES / f"{name}.in").read_text("ascii").split("\n")
    return _unescape("".join(line for line in lines if not line.startswith("#")))


def read_outcome(name: str) -> tuple[bytes, str]:
    """Return what is answered, and how it ends."""
    *lines, end = (CASES / f"{name}.out").read_text("ascii").splitlines()
    return _unescape("".join(lines)), end


def _unescape(text: str) -> bytes:
    return codecs.decode(text, "unicode_escape").encode("latin-1")


def make_frame(opcode: int, data: bytes = b"", *, first: int = 0x80) -> bytes:
    """Return a masked frame; ``first`` has the other bits of its first byte."""
    key, size = os.urandom(4), len(data)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    masked = bytes(byte ^ key[place % 4] for place, byte in enumerate(data))
    return bytes([first | opcode]) + length + key + masked


class Socket:
    """An open WebSocket to a page; ``fields`` are those of the 101."""

    def __init__(self, site: Site, target: str, *fields: str) -> None:
        self.client: Client = site.open()
        self.client.send(target, *HANDSHAKE, *fields)
        response = self.client.begin()
        assert response.status == 101, (response.status, response.read())
        self.fields = {name.lower(): value for name, value in response.getheaders()}

    def __enter__(self) -> "Socket":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.__exit__(kind, error, trace)

    def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.send_frame(TEXT, message.encode())
        else:
            self.send_frame(BINARY, message)

    def send_frame(self, opcode: int, data: bytes = b"") -> None:
        self.client.socket.sendall(make_frame(opcode, data))

    def receive(self) -> str | bytes:
        opcode, payload = self.read_frame()
        assert opcode in (TEXT, BINARY), (opcode, payload)
        return payload.decode() if opcode == TEXT else payload

    def read_frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of a frame, which must be a whole message."""
        first, second = self.read_exactly(2)
        assert first & 0xF0 == 0x80
        # A server does not mask (RFC 6455 section 5.1).
        assert second < 128
        size = second
        if second > 125:
            size = int.from_bytes(self.read_exactly(2 if second == 126 else 8), "big")
        return first & 0x0F, self.read_exactly(size)

    def read_close(self) -> int:
        """Answer a close frame, behind which nothing comes, and return its code."""
        opcode, payload = self.read_frame()
        while opcode == PING:
            opcode, payload = self.read_frame()
        assert opcode == CLOSE, (opcode, payload)
        self.send_frame(CLOSE, payload[:2])
        assert self.client.receive_all() == b""
        return int.from_bytes(payload[:2], "big")

    def read_exactly(self, size: int) -> bytes:
        data = self.client.input.read(size)
        assert len(data) == size, f"the connection ended behind {data!r}"
        return data
