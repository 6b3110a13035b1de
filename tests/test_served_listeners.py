"""The listeners that a worker serves: they come, stay and go."""

import asyncio
import os
import socket
from typing import cast

import pytest

from httpout_cgi.config import Listener
from httpout_cgi.processes.http_server import HTTPServer, Listening
from httpout_cgi.processes.served_listeners import ServedListeners

PLAIN, SECURE = Listener("127.0.0.1", 0), Listener("127.0.0.1", 0, secure=True)


class Server:
    """Keeps what is accepted on; True is with TLS."""

    def __init__(self) -> None:
        self.accepts: dict[socket.socket, bool] = {}

    async def listen(self, sock: socket.socket) -> None:
        assert not sock.getblocking()
        self.accepts[sock] = False

    def adopt(self, sock: socket.socket, listening: Listening) -> None:
        asyncio.get_running_loop().remove_reader(sock)
        self.accepts[sock] = True

    def stop_listening(self, sock: socket.socket) -> None:
        del self.accepts[sock]
        sock.close()


def bind() -> int:
    return socket.create_server(("127.0.0.1", 0)).detach()


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_they_come_stay_and_go() -> None:
    async def play() -> None:
        server = Server()
        served = ServedListeners(cast(HTTPServer, server))
        plain, secure = bind(), bind()
        await served.configure([PLAIN, SECURE], [plain, secure])
        accepts = {sock.fileno(): tls for sock, tls in server.accepts.items()}
        assert accepts == {plain: False, secure: True}
        again = os.dup(plain)
        await served.configure([PLAIN], [again])
        assert [sock.fileno() for sock in server.accepts] == [plain]
        assert [is_open(one) for one in (plain, again, secure)] == [True, False, False]
        served.stop()
        assert not server.accepts

    asyncio.run(play())


def test_there_is_a_descriptor_for_each() -> None:
    async def play() -> None:
        served = ServedListeners(cast(HTTPServer, Server()))
        with pytest.raises(ValueError, match="shorter"):
            await served.configure([PLAIN], [])

    asyncio.run(play())
