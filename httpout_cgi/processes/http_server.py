"""The HTTP side of a worker: its listeners and all of its connections.

Must not know tremolo, scripts or files.  Only the loop thread touches it.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from httpout_cgi import SOFTWARE
from httpout_cgi.access_log import AccessLog
from httpout_cgi.config import Config
from httpout_cgi.gateway import Gateway
from httpout_cgi.protocol.forwarded import TrustedProxies

_SWEEP_SECONDS = 0.25
_BACKLOG = 1024


class Watched(Protocol):
    """What the server wants of a connection; ``deadline`` is in the loop's time."""

    deadline: float

    def expire(self, now: float) -> None: ...
    def drain(self) -> None: ...
    def abort(self) -> None: ...


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
        self._refused: set[Watched] = set()
        self.draining = False
        self.configure(gateway, config, access_log)
        self._make_connection = make_connection
        self._loop = asyncio.get_running_loop()
        self._servers: dict[socket.socket, asyncio.Server] = {}
        self._sweeping = False
        self._emptied = asyncio.Event()
        self._added_second = 0
        self._added = ""

    def configure(
        self, gateway: Gateway, config: Config, access_log: AccessLog
    ) -> None:
        """Use other settings from the next request on, on open connections, too."""
        self.gateway = gateway
        self.limits = config.limits
        self.access_log = access_log
        self.trusted = TrustedProxies(config.trusted_proxies)

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket, which the server closes in the end."""
        if sock.family == socket.AF_UNIX:
            server = await self._loop.create_unix_server(
                lambda: self._make_connection(self), sock=sock, backlog=_BACKLOG
            )
        else:
            server = await self._loop.create_server(
                lambda: self._make_connection(self), sock=sock, backlog=_BACKLOG
            )
        self._servers[sock] = server

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
        if len(self.connections) - len(self._refused) <= self.limits.connections:
            return True
        self._refused.add(connection)
        return False

    @property
    def is_flooded(self) -> bool:
        """Tell whether even those that there is no room for are too many."""
        return len(self._refused) > self.limits.connections

    def replace(self, connection: Watched, successor: Watched) -> None:
        """Watch over another object in the place of ``connection``."""
        for connections in (self.connections, self._refused):
            if connection in connections:
                connections.remove(connection)
                connections.add(successor)

    def discard(self, connection: Watched) -> None:
        """Forget a connection that is closed, and whose request is over."""
        self.connections.discard(connection)
        self._refused.discard(connection)
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
