"""Files on their way by sendfile(2), through real transports of both loops."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import pytest
import uvloop

from httpout_cgi.messages import FilePart, FileParts, Response
from httpout_cgi.processes.sending import Sender
from httpout_cgi.protocol.response_head import Framing
from tests.live import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

FRAMING = Framing(head_only=False, chunked=False, close=False, says_keep_alive=False)
SIZE = 6 << 20
CONTENT = os.urandom(1 << 20) * (SIZE >> 20)

Loops = Callable[[], asyncio.AbstractEventLoop]


class Connection(asyncio.Protocol):
    """The server's side: a transport and who sends through it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = cast(asyncio.Transport, transport)
        self.sender = Sender(self.wire)
        self.lost = asyncio.get_running_loop().create_future()

    def pause_writing(self) -> None:
        self.sender.pause()

    def resume_writing(self) -> None:
        self.sender.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop: asyncio.AbstractEventLoop = request.param()
    yield loop
    loop.close()


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each call of sendfile has sent from now on."""
    counts: list[int] = []
    really_send = os.sendfile

    def send(target: int, source: int, offset: int, count: int) -> int:
        counts.append(0)
        counts[-1] = really_send(target, source, offset, count)
        return counts[-1]

    monkeypatch.setattr("httpout_cgi.processes.sending.os.sendfile", send)
    return counts


def run(
    loop: asyncio.AbstractEventLoop,
    test: Callable[[Connection, socket.socket], Coroutine[Any, Any, None]],
) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)
            ours.setblocking(False)
            _, connection = await loop.connect_accepted_socket(Connection, ours)
            try:
                await asyncio.wait_for(test(connection, theirs), PATIENCE)
            finally:
                connection.wire.abort()
                await connection.lost

    loop.run_until_complete(main())


async def receive(client: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < size:
        piece = await loop.sock_recv(client, size - len(data))
        assert piece
        data += piece
    return bytes(data)


def open_file(folder: os.PathLike[str], size: int = SIZE) -> Any:  # BinaryIO, FileIO
    path = os.path.join(folder, "large.bin")
    with open(path, "wb") as file:
        file.write(CONTENT[:size])
    return open(path, "rb", buffering=0)


def test_a_file_arrives_as_it_is(
    loop: asyncio.AbstractEventLoop, tmp_path: Any, passed: list[int]
) -> None:
    async def test(connection: Connection, client: socket.socket) -> None:
        body = FilePart(open_file(tmp_path), 5, SIZE - 7)
        sending = asyncio.ensure_future(
            connection.sender.send(Response(200, body=body), FRAMING, "")
        )
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (SIZE - 7)
        assert await receive(client, len(head)) == head
        assert await receive(client, SIZE - 7) == CONTENT[5:-2]
        await sending
        assert connection.sender.take_counts() == (SIZE - 7, len(head))
        assert body.file.closed

    run(loop, test)
    assert sum(passed) > 0


def test_parts_arrive_in_order(
    loop: asyncio.AbstractEventLoop, tmp_path: Any, passed: list[int]
) -> None:
    half = SIZE // 2

    async def test(connection: Connection, client: socket.socket) -> None:
        pieces = (b"<", (half, half), b"|", (0, half), b">")
        body = FileParts(open_file(tmp_path), pieces, SIZE + 3)
        sending = asyncio.ensure_future(
            connection.sender.send(Response(206, body=body), FRAMING, "")
        )
        received = await receive(client, SIZE + 60)
        await sending
        rest = received.partition(b"\r\n\r\n")[2]
        rest += await receive(client, SIZE + 3 - len(rest))
        assert rest == b"<" + CONTENT[half:] + b"|" + CONTENT[:half] + b">"

    run(loop, test)
    assert sum(passed) > 0


def test_a_client_that_does_not_read_stops_it(
    loop: asyncio.AbstractEventLoop, tmp_path: Any
) -> None:
    async def test(connection: Connection, client: socket.socket) -> None:
        body = FilePart(open_file(tmp_path), 0, SIZE)
        sender = connection.sender
        sending = asyncio.ensure_future(
            sender.send(Response(200, body=body), FRAMING, "")
        )
        while not sender.paused:
            await asyncio.sleep(0)
        sender.look()
        before = sender.sent
        assert before < SIZE
        assert not sender.has_progressed(1.0)
        await receive(client, 100_000)
        assert sender.has_progressed(1.0) or sender.sent > before
        sending.cancel()
        await asyncio.wait([sending])
        assert body.file.closed

    run(loop, test)


def test_a_file_that_shrinks_on_the_way_is_an_error(
    loop: asyncio.AbstractEventLoop, tmp_path: Any
) -> None:
    async def test(connection: Connection, client: socket.socket) -> None:
        file = open_file(tmp_path)
        response = Response(200, body=FilePart(file, 0, SIZE))
        sender = connection.sender
        sending = asyncio.ensure_future(sender.send(response, FRAMING, ""))
        while not sender.paused:
            await asyncio.sleep(0)
        os.truncate(tmp_path / "large.bin", 10)
        await receive(client, sender.sent)
        with pytest.raises(ConnectionAbortedError, match="shrank"):
            await sending
        assert file.closed

    run(loop, test)


def test_a_connection_that_is_closed_gets_nothing_more(
    loop: asyncio.AbstractEventLoop, tmp_path: Any, passed: list[int]
) -> None:
    async def test(connection: Connection, client: socket.socket) -> None:
        connection.wire.abort()
        response = Response(200, body=FilePart(open_file(tmp_path), 0, SIZE))
        await connection.sender.send(response, FRAMING, "")

    run(loop, test)
    assert passed == []


def test_files_are_written_where_sendfile_is_refused(
    loop: asyncio.AbstractEventLoop, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> int:
        raise OSError(22, "not for this file system")

    monkeypatch.setattr("httpout_cgi.processes.sending.os.sendfile", refuse)

    async def test(connection: Connection, client: socket.socket) -> None:
        body = FilePart(open_file(tmp_path), 0, SIZE)
        sending = asyncio.ensure_future(
            connection.sender.send(Response(200, body=body), FRAMING, "")
        )
        received = await receive(client, SIZE + 44)
        await sending
        assert received.endswith(CONTENT)

    run(loop, test)
