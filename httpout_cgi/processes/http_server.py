"""The HTTP side of a worker: its listeners and all of its connections.

Must not know tremolo, scripts or files.  Only the loop thread touches it.
"""

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import formatdate
from heapq import nsmallest
from typing import Any, Protocol

from httpout_cgi import SOFTWARE
from httpout_cgi.access_log import AccessLog
from httpout_cgi.config import Config
from httpout_cgi.gateway import Gateway
from httpout_cgi.protocol.addresses import AddressSet

_SWEEP_SECONDS = 0.25
_BACKLOG = 1024
# By one turn of the loop.  asyncio fails as often in a row when there is no descriptor
# left, and sets a timer each time.
ACCEPTED_AT_ONCE = 16
# Idle connections that are closed at once for those that come: looking for them takes
# longer than closing them.
_MADE_FREE = 32
# Connections without a place that are told so at a time.
_MOST_TOLD = 64
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
# Between two lines about the same trouble.
_QUIET_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Watched(Protocol):
    """What the server wants of a connection; times are the loop's.

    ``idle_from`` is from when on it may be closed to make room for others.
    """

    deadline: float

    @property
    def idle_from(self) -> float: ...
    def expire(self, now: float) -> None: ...
    def drain(self) -> None: ...
    def abort(self) -> None: ...


class Listening(Protocol):
    """What accepts connections on a socket, and closes it in the end."""

    def close(self) -> None: ...


class HTTPServer:
    """Accepts connections for one worker and watches over their deadlines."""

    def __init__(
        self,
        gateway: Gateway,
        config: Config,
        access_log: AccessLog,
        make_connection: Callable[["HTTPServer"], asyncio.Protocol],
    ) -> None:
        self.connections: set[Watched] = set()
        # Of these, those that have no place, or leave theirs to others.
        self._refused: set[Watched] = set()
        self._leaving: set[Watched] = set()
        self.draining = False
        self.tls: ssl.SSLContext | None = None
        self.configure(gateway, config, access_log)
        self._make_connection = make_connection
        self._loop = asyncio.get_running_loop()
        self._servers: dict[socket.socket, Listening] = {}
        self._sweeping = False
        self._emptied = asyncio.Event()
        self._added_second = 0
        self._added = ""
        self._next_complaint = 0.0
        self._loop.set_exception_handler(self._handle_failure)

    def configure(
        self,
        gateway: Gateway,
        config: Config,
        access_log: AccessLog,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Use other settings from the next request on, on open connections, too.

        Of TLS, those that are made from now on have the new certificate.
        """
        # Listeners that are no longer wanted may accept until they are removed.
        self.tls = tls or self.tls
        self.gateway = gateway
        self.limits = config.limits
        self.access_log = access_log
        self.trusted = AddressSet(config.trusted_proxies)

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket, which the server closes in the end."""
        if sock.family == socket.AF_UNIX:
            server = await self._loop.create_unix_server(
                self.make_connection, sock=sock, backlog=ACCEPTED_AT_ONCE
            )
        else:
            server = await self._loop.create_server(
                self.make_connection, sock=sock, backlog=ACCEPTED_AT_ONCE
            )
        sock.listen(_BACKLOG)
        self._servers[sock] = server

    def adopt(self, sock: socket.socket, listening: Listening) -> None:
        """Let something else accept connections on a bound socket."""
        self._servers[sock] = listening

    def make_connection(self) -> asyncio.Protocol:
        """Return what serves one client."""
        return self._make_connection(self)

    def stop_listening(self, sock: socket.socket) -> None:
        """Accept no more connections on ``sock``, and close it."""
        self._servers.pop(sock).close()

    async def drain(self, seconds: float) -> None:
        """Accept no more, close idle connections, and wait for the busy ones.

        What still runs after ``seconds`` is cut off.
        """
        self.draining = True
        for sock in list(self._servers):
            self.stop_listening(sock)
        for connection in list(self.connections):
            connection.drain()
        try:
            await asyncio.wait_for(self._wait_until_empty(), seconds)
        except asyncio.TimeoutError:
            for connection in list(self.connections):
                connection.abort()
            await self._wait_until_empty()

    def add(self, connection: Watched) -> bool:
        """Watch over a connection; tell whether there is room for it."""
        self.connections.add(connection)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        if not self._is_full() or self._make_room():
            return True
        self._refused.add(connection)
        return False

    @property
    def is_flooded(self) -> bool:
        """Tell whether even those that there is no room for are too many."""
        return len(self._refused) > min(_MOST_TOLD, 1 + self.limits.connections // 4)

    def replace(self, connection: Watched, successor: Watched) -> None:
        """Watch over another object in the place of ``connection``."""
        for connections in (self.connections, self._refused, self._leaving):
            if connection in connections:
                connections.remove(connection)
                connections.add(successor)

    def discard(self, connection: Watched) -> None:
        """Forget a connection that is closed, and whose request is over."""
        self.connections.discard(connection)
        self._refused.discard(connection)
        self._leaving.discard(connection)
        if not self.connections:
            self._emptied.set()

    def added_fields(self) -> str:
        """Return the field lines that every response carries: Date and Server."""
        now = int(time.time())
        if now != self._added_second:
            date = formatdate(now, usegmt=True)
            self._added = f"Date: {date}\r\nServer: {SOFTWARE}\r\n"
            self._added_second = now
        return self._added

    def _is_full(self) -> bool:
        outside = len(self._refused) + len(self._leaving)
        return len(self.connections) - outside > self.limits.connections

    def _make_room(self) -> bool:
        """Close those that have been idle for longest; tell whether there is room."""
        now = self._loop.time()
        idle = [one for one in self.connections if one.idle_from <= now]
        for one in nsmallest(_MADE_FREE, idle, key=lambda one: one.idle_from):
            self._leaving.add(one)
            one.drain()
        return not self._is_full()

    # Any: typeshed's type of a context.
    def _handle_failure(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Log what went wrong in the loop; what goes on and on, once a minute."""
        exc = context.get("exception")
        is_of_accept = "accept" in context.get("message", "")
        is_exhausted = isinstance(exc, OSError) and exc.errno in _EXHAUSTED
        if not (is_of_accept and is_exhausted):
            loop.default_exception_handler(context)
        elif loop.time() >= self._next_complaint:
            self._next_complaint = loop.time() + _QUIET_SECONDS
            _log.error("no connection can be accepted: %s", exc)

    async def _wait_until_empty(self) -> None:
        if self.connections:
            self._emptied.clear()
            await self._emptied.wait()

    def _sweep(self) -> None:
        # One timer for all: a timer for each state of each connection would cost
        # more than the requests themselves.
        self._sweeping = bool(self.connections)
        if self._sweeping:
            self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        now = self._loop.time()
        for connection in list(self.connections):
            if now > connection.deadline:
                connection.expire(now)
