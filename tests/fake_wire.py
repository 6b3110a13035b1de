"""A transport that only remembers, for what a live client cannot bring about."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager


class FakeWire(asyncio.Transport):
    """Remembers what was done to it; ``unsent`` is what its buffer claims to hold.

    Its socket is a real one, of which the system's buffer can be filled.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self.written = b""
        self.unsent = 0
        self.done: list[str] = []
        self.has_eof = True
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        """Its buffer is what ``unsent`` says."""

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return self.has_eof

    def write_eof(self) -> None:
        self.done.append("write_eof")

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.done or "abort" in self.done

    def pause_reading(self) -> None:
        self.done.append("pause_reading")

    def resume_reading(self) -> None:
        self.done.append("resume_reading")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


@contextmanager
def make_wire() -> Iterator[FakeWire]:
    """Make a wire whose socket is connected to a client that reads nothing."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        sock, _ = listener.accept()
        with sock:
            client.setblocking(False)
            sock.setblocking(False)
            yield FakeWire(sock)
