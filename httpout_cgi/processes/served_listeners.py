"""The listeners that a worker serves: those that the supervisor has sent.

Must not know how they were bound, nor what is said over them.
"""

import os
import socket
from collections.abc import Sequence

from httpout_cgi.config import Listener
from httpout_cgi.processes.handshake import TLSListener
from httpout_cgi.processes.http_server import HTTPServer


class ServedListeners:
    """Has the server accept connections on them.  Only the loop thread touches it."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self._sockets: dict[Listener, socket.socket] = {}

    async def configure(
        self, wanted: Sequence[Listener], descriptors: Sequence[int]
    ) -> None:
        """Accept connections on the listeners that are new, and not on removed ones.

        The descriptors are ours then: of a listener that we have, one is enough.
        """
        for listener, descriptor in zip(wanted, descriptors, strict=True):
            if listener in self._sockets:
                os.close(descriptor)
                continue
            sock = socket.socket(fileno=descriptor)
            sock.setblocking(False)
            self._sockets[listener] = sock
            if listener.secure:
                self._server.adopt(sock, TLSListener(self._server, sock))
            else:
                await self._server.listen(sock)
        for listener in self._sockets.keys() - set(wanted):
            self._server.stop_listening(self._sockets.pop(listener))

    def stop(self) -> None:
        """Accept no more connections on any."""
        for sock in self._sockets.values():
            self._server.stop_listening(sock)
