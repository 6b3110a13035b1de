"""The connection of a run to its pool, whose other end is a test's."""

import asyncio
import socket
from typing import Any

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.runners.pool_connection import PoolConnection
from tests.test_pool_runner import OnePool, until

LONG = b"x" * 3_000_000


class Sent:
    """A request of which the connection has taken nothing, or not been there."""

    def __init__(self, connection: socket.socket, failures: list[OSError]) -> None:
        self._connection = connection
        self._failures = failures
        self.attempts = 0

    def send(self, address: str) -> tuple[socket.socket, bytes]:
        self.attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        return self._connection, LONG

    def close(self) -> None:
        pass


class Played:
    """A connection, its request, the end that the pool has, and what is told."""

    def __init__(self, *failures: OSError) -> None:
        ours, self.theirs = socket.socketpair()
        ours.setblocking(False)
        self.theirs.setblocking(False)
        self.request = Sent(ours, [*failures])
        self.calls = 0
        self.errors: list[HTTPError] = []
        # Any: it needs no more of a request.
        request: Any = self.request
        loop = asyncio.get_running_loop()
        fail = self.errors.append
        self.connection = PoolConnection(loop, None, request, self._receive, fail)

    def _receive(self) -> None:
        self.calls += 1

    def ask(self) -> None:
        self.connection.ask(OnePool("address"))


def test_the_rest_of_a_request_is_sent_as_it_is_read() -> None:
    async def test() -> None:
        played = Played()
        assert not played.connection.is_made
        played.ask()
        assert played.connection.is_made
        loop, read = asyncio.get_running_loop(), b""
        while len(read) < len(LONG):
            read += await loop.sock_recv(played.theirs, 1_000_000)
        assert read == LONG
        await asyncio.sleep(0)
        played.connection.close()
        assert await loop.sock_recv(played.theirs, 1) == b""
        played.theirs.close()

    asyncio.run(test())


def test_a_rest_that_nobody_reads_is_for_the_reader_to_see() -> None:
    async def test() -> None:
        played = Played()
        played.ask()
        played.connection.pause()
        played.connection.pause()
        played.theirs.close()
        await asyncio.sleep(0.01)
        assert played.calls == 0
        played.connection.resume()
        await until(lambda: played.calls)
        assert played.connection.receive() == b""
        played.connection.close()

    asyncio.run(test())


def test_nothing_is_received_where_nothing_was_sent() -> None:
    async def test() -> None:
        played = Played()
        played.ask()
        assert played.connection.receive() is None
        played.theirs.send(b"data")
        assert played.connection.receive() == b"data"
        number = played.request.send("address")[0].fileno()
        played.connection.close()
        played.connection.close()
        # The number may be another connection's in a moment.
        loop = asyncio.get_running_loop()
        assert not loop.remove_writer(number)
        assert not loop.remove_reader(number)
        played.theirs.close()

    asyncio.run(test())


def test_who_has_left_asks_no_more() -> None:
    async def test() -> None:
        played = Played(BlockingIOError(11, "full"), BlockingIOError(11, "full"))
        played.ask()
        await until(lambda: played.request.attempts == 2)
        played.connection.close()
        await asyncio.sleep(0.05)
        assert played.request.attempts == 2
        assert not played.connection.is_made
        assert played.errors == []
        played.request.send("address")[0].close()
        played.theirs.close()

    asyncio.run(test())


def test_what_is_wrong_with_a_pool_is_told() -> None:
    async def test() -> None:
        played = Played(OSError(13, "Permission denied"))
        played.ask()
        (error,) = played.errors
        assert error.status == 503
        assert error.reason == "the pool cannot be reached: Permission denied"
        played.connection.close()
        played.request.send("address")[0].close()
        played.theirs.close()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("address", "attempts"), [("", 0), ("address", 1)], ids=["none", "one"]
)
def test_a_pool_is_asked_where_there_is_one(address: str, attempts: int) -> None:
    async def test() -> None:
        played = Played()
        played.connection.ask(OnePool(address))
        assert played.request.attempts == attempts
        assert len(played.errors) == 1 - attempts
        played.connection.close()
        if not attempts:
            played.request.send("address")[0].close()
        played.theirs.close()

    asyncio.run(test())
