"""TLS: listeners whose connections begin with a handshake (RFC 8446).

Who is silent costs a socket and no more; nobody holds up others.  Must not know
requests.
"""

import asyncio
import logging
import socket
import sys
from typing import Final, cast

from httpout_cgi.messages import Response
from httpout_cgi.processes.http_server import ACCEPTED_AT_ONCE, HTTPServer
from httpout_cgi.processes.lingering import linger
from httpout_cgi.processes.sending import Sender
from httpout_cgi.protocol.response_head import LAST

_log = logging.getLogger(__name__)

# The client hello of one that has just connected is on its way.
_FRESH_SECONDS = 1.0
# When no descriptor is left, asyncio pauses as long.
_PAUSE_SECONDS = 1.0
# Who closes a connection looks after its end: see lingering.
_SHUTDOWN_SECONDS = 24 * 3600.0
_NEVER = float("inf")
_PLAIN: Final = b"This port is for HTTPS: the URL has to begin with https://\n"


class TLSListener:
    """Accepts connections on a bound socket, which it closes.

    Not asyncio's own: with that, a certificate could not be replaced, and a client that
    speaks plain HTTP would not be told.  Only the loop thread touches it.
    """

    def __init__(self, server: HTTPServer, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Accept no more."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _listen(self) -> None:
        self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # another worker was quicker, or the client has gone
            except OSError as exc:
                self._rest(exc)
                return
            Handshake(self._server, sock, address[0]).begin()

    def _rest(self, exc: OSError) -> None:
        """Wait until there may be descriptors again: the socket stays readable."""
        self._loop.remove_reader(self._sock)
        self._pause = self._loop.call_later(_PAUSE_SECONDS, self._listen)
        self._loop.call_exception_handler({"message": "accept", "exception": exc})


class Handshake(asyncio.Protocol):
    """A connection until its handshake is over.

    Only the loop thread touches it.  ``deadline`` is when ``expire`` is to be called.
    """

    def __init__(self, server: HTTPServer, sock: socket.socket, peer: str) -> None:
        self._server = server
        self._sock = sock
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._context = server.tls
        self._task: asyncio.Task[None] | None = None
        self.idle_from = self._loop.time() + _FRESH_SECONDS
        self.deadline = self._loop.time() + server.limits.head_timeout
        sock.setblocking(False)

    def begin(self) -> None:
        """Wait for the first byte of the client."""
        if self._server.add(self) or not self._server.is_flooded:
            self._loop.add_reader(self._sock, self._look)
        else:
            self._close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over: the handshake is over, or there is none."""
        wire = cast(asyncio.Transport, transport)
        if wire.get_extra_info("sslcontext") is None:
            self._refuse(wire)
            return
        # Before the connection is counted.
        self._server.discard(self)
        connection = self._server.make_connection()
        wire.set_protocol(connection)
        connection.connection_made(transport)

    def expire(self, now: float) -> None:
        """Drop a client that is silent, or too slow."""
        _log.debug("no TLS handshake with %s in time", self._peer)
        self.abort()

    def drain(self) -> None:
        """Close: no request has begun."""
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._task is None:
            self._loop.remove_reader(self._sock)
            self._close()
        else:
            self._task.cancel()

    def _look(self) -> None:
        """See what the client speaks, without taking it from the socket."""
        try:
            first = self._sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # a reset
            first = b""
        self._loop.remove_reader(self._sock)
        if not first:
            self._close()
            return
        # From here on, the loop looks after the time.
        self.idle_from = self.deadline = _NEVER
        # A record of TLS begins with 22; with a letter, it is a method.
        self._task = self._loop.create_task(self._open(is_plain=first.isalpha()))

    async def _open(self, *, is_plain: bool) -> None:
        open_ = self._loop.connect_accepted_socket
        seconds = {"ssl_handshake_timeout": self._server.limits.head_timeout}
        if sys.version_info >= (3, 11):
            seconds["ssl_shutdown_timeout"] = _SHUTDOWN_SECONDS
        try:
            if is_plain:
                await open_(lambda: self, self._sock)
            else:
                await open_(lambda: self, self._sock, ssl=self._context, **seconds)
        except OSError as exc:  # ssl.SSLError is one
            _log.debug("TLS handshake with %s failed: %s", self._peer, exc)
            self._sock.close()
        except asyncio.CancelledError:
            self._sock.close()
        finally:
            self._server.discard(self)

    def _refuse(self, wire: asyncio.Transport) -> None:
        """Tell the client that this is no port for plain HTTP, as Apache does."""
        _log.info("plain HTTP from %s to a port for HTTPS", self._peer)
        response = Response(400, (("Content-Type", "text/plain"),), _PLAIN)
        added = self._server.added_fields()
        Sender(wire).send_bytes(response, LAST, _PLAIN, added)
        linger(self, self._server, wire, half=True)

    def _close(self) -> None:
        self._sock.close()
        self._server.discard(self)
