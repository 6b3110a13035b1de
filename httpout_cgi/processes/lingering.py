"""The end of a connection: the last response is on its way, our side is closed.

Closing both sides at once would reset the connection of a client that is still
sending, and the response would be lost (RFC 9112 section 9.6).
"""

import asyncio

from httpout_cgi.processes.http_server import HTTPServer, Watched
from httpout_cgi.processes.wire import MINIMUM_RATE, count_unsent, reset

# Apache's times: so long after the last byte that came, and so long in all.
_SILENT_SECONDS = 2.0
_WHOLE_SECONDS = 30.0
_NEVER = float("inf")


def linger(
    predecessor: Watched,
    server: HTTPServer,
    wire: asyncio.Transport,
    *,
    half: bool,
    waits: bool = False,
    resumes: bool = False,
) -> None:
    """Take a transport over from what has served it, and close it; see Lingering.

    ``resumes``: it was not being read.
    """
    successor = Lingering(server, wire)
    wire.set_protocol(successor)
    server.replace(predecessor, successor)
    if resumes:
        wire.resume_reading()
    successor.begin(half=half, waits=waits)


class Lingering(asyncio.Protocol):
    """Takes over a transport: drops what comes until the client closes its side.

    Only the loop thread touches it.  ``deadline`` is when ``expire`` is to be called.
    """

    # It makes room soon enough by itself.
    idle_from = _NEVER

    def __init__(self, server: HTTPServer, wire: asyncio.Transport) -> None:
        self._server = server
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self.deadline = now + _SILENT_SECONDS
        self._last_deadline = now + _WHOLE_SECONDS
        self._patience_ends = now + server.limits.send_timeout
        self._unsent = count_unsent(wire)
        self._last_patience_ends = self._patience_ends + self._unsent / MINIMUM_RATE
        self._waits = False

    def begin(self, *, half: bool, waits: bool = False) -> None:
        """Close our side once everything is sent; with ``half``, keep the client's.

        TLS closes both at once.  So with ``waits`` it lets the client be the first: it
        knows where the response ends.
        """
        if half and self._wire.can_write_eof():
            self._wire.write_eof()
        elif not (half and waits):
            self._wire.close()
        else:
            self._waits = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.discard(self)

    def data_received(self, data: bytes) -> None:
        silent = self._loop.time() + _SILENT_SECONDS
        self.deadline = min(silent, self._last_deadline)

    # eof_received is the base class': the transport closes itself then.

    def expire(self, now: float) -> None:
        """Close both sides, unless the client is still taking what was sent."""
        before, self._unsent = self._unsent, count_unsent(self._wire)
        if self._unsent < before:
            patience_ends = now + self._server.limits.send_timeout
            self._patience_ends = min(patience_ends, self._last_patience_ends)
        if self._unsent and now < self._patience_ends:
            self.deadline = now + _SILENT_SECONDS
        elif self._unsent:
            self.abort()
        elif self._waits:
            self._waits = False
            self._wire.close()
            self.deadline = now + _SILENT_SECONDS
        else:
            # No reset: it could take away what the client's system has received.
            self.deadline = _NEVER
            self._wire.abort()

    def drain(self) -> None:
        """Nothing is left to do."""

    def abort(self) -> None:
        """Close both sides at once: the client sees that it was cut."""
        self.deadline = _NEVER
        reset(self._wire)
