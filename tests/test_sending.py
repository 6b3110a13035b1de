"""Sending: every kind of body, at the client's pace."""

import asyncio
import contextlib
import io
import tempfile
from collections.abc import Callable, Coroutine

import pytest

from httpout_cgi.messages import Body, FilePart, FileParts, Response
from httpout_cgi.processes.sending import Sender
from httpout_cgi.protocol.response_head import Framing, frame
from tests.fake_wire import FakeWire, make_wire

CHUNKED = Framing(head_only=False, chunked=True, close=False, says_keep_alive=False)


class Chunks:
    """A body of these chunks; an exception among them is raised."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = list(chunks)
        self.closed = False

    def __aiter__(self) -> "Chunks":
        return self

    async def __anext__(self) -> bytes:
        if not self.chunks:
            raise StopAsyncIteration
        chunk = self.chunks.pop(0)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def aclose(self) -> None:
        self.closed = True


def run(test: Callable[[FakeWire, Sender], Coroutine[None, None, None]]) -> None:
    with make_wire() as wire:
        asyncio.run(test(wire, Sender(wire)))


def send(body: Body, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    """Return what is written for a response with that body."""
    return send_response(Response(200, body=body), method, version)[0]


def send_response(
    response: Response, method: str = "GET", version: str = "HTTP/1.1"
) -> tuple[bytes, tuple[int, int]]:
    result: list[tuple[bytes, tuple[int, int]]] = []

    async def test(wire: FakeWire, sender: Sender) -> None:
        # As if something waited: nothing passes by what is written.
        wire.unsent = 1
        framing = frame(method, version, response, close=False)
        await sender.send(response, framing, "Date: now\r\n")
        assert not sender.begun
        result.append((wire.written, sender.take_counts()))
        assert sender.take_counts() == (0, 0)

    run(test)
    return result[0]


HEAD = b"HTTP/1.1 200 OK\r\nDate: now\r\n"


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        pytest.param(b"hello", b"Content-Length: 5\r\n\r\nhello", id="bytes"),
        pytest.param(b"", b"Content-Length: 0\r\n\r\n", id="nothing"),
        pytest.param(
            Chunks(b"hello", b"", b"0123456789abcdef"),
            b"Transfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
            id="chunks",
        ),
        pytest.param(
            Chunks(), b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="no chunks"
        ),
    ],
)
def test_bodies(body: Body, rest: bytes) -> None:
    assert send(body) == HEAD + rest
    if isinstance(body, Chunks):
        assert body.closed


def test_a_stream_to_http_1_0_has_no_framing() -> None:
    sent = send(Chunks(b"hello", b" world"), version="HTTP/1.0")
    assert sent == HEAD + b"Connection: close\r\n\r\nhello world"


def test_a_stream_is_read_to_its_end_for_head() -> None:
    body = Chunks(b"hello", b"world")
    assert send(body, "HEAD") == HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert body.closed
    assert body.chunks == []


def test_a_raw_body_is_all_there_is() -> None:
    body = Chunks(b"HTTP/1.1 299 Odd\r\n\r\n", b"x")
    written, counts = send_response(Response(299, body=body, raw=True), "HEAD")
    assert written == b"HTTP/1.1 299 Odd\r\n\r\nx"
    assert counts == (21, 0)


@pytest.mark.parametrize(
    ("response", "method", "sent"),
    [
        pytest.param(Response(200, body=b"hello"), "GET", 5, id="bytes"),
        pytest.param(Response(200, body=b"hello"), "HEAD", 0, id="HEAD"),
        pytest.param(Response(200, body=Chunks(b"a", b"bc")), "GET", 3, id="chunks"),
    ],
)
def test_content_and_heads_are_counted(
    response: Response, method: str, sent: int
) -> None:
    written, counts = send_response(response, method)
    assert counts == (sent, written.index(b"\r\n\r\n") + 4)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("length", [0, 10, 500_000])
def test_a_part_of_a_file_is_sent_and_closed(method: str, length: int) -> None:
    with tempfile.TemporaryFile() as file:
        content = bytes(range(256)) * 2000
        file.write(content)
        file.flush()
        sent = send(FilePart(file, 300, length), method)
        assert file.closed
    head, _, body = sent.partition(b"\r\n\r\n")
    assert body == (content[300 : 300 + length] if method == "GET" else b"")
    if length:
        assert f"Content-Length: {length}".encode() in head


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_several_parts_of_a_file_are_sent_among_other_bytes(method: str) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        body = FileParts(file, (b"<", (8, 2), b"|", (0, 3), b">"), 8)
        written, counts = send_response(Response(206, body=body), method)
        assert file.closed
    head, _, sent = written.partition(b"\r\n\r\n")
    assert sent == (b"<89|012>" if method == "GET" else b"")
    assert counts[0] == len(sent)
    assert b"Content-Length: 8" in head


def test_a_file_that_shrinks_is_an_error() -> None:
    async def test(wire: FakeWire, sender: Sender) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"short")
            file.flush()
            response = Response(200, body=FilePart(file, 0, 10))
            framing = frame("GET", "HTTP/1.1", response, close=False)
            with pytest.raises(ConnectionAbortedError, match="shrank"):
                await sender.send(response, framing, "")
            assert file.closed
        assert sender.begun
        assert sender.take_counts()[0] == 5

    run(test)


def test_a_stream_that_fails_is_closed() -> None:
    async def test(wire: FakeWire, sender: Sender) -> None:
        body = Chunks(b"half", ValueError("broken"))
        with pytest.raises(ValueError, match="broken"):
            await sender.send(Response(200, body=body), CHUNKED, "")
        assert body.closed
        assert sender.begun
        assert not wire.written.endswith(b"0\r\n\r\n")

    run(test)


@pytest.mark.parametrize(
    "make_body",
    [
        pytest.param(lambda: b"", id="bytes"),
        pytest.param(lambda: Chunks(b"x"), id="stream"),
        pytest.param(lambda: FilePart(io.BytesIO(), 0, 0), id="file"),
    ],
)
def test_a_field_that_would_split_the_response_sends_nothing(
    make_body: Callable[[], Body],
) -> None:
    async def test(wire: FakeWire, sender: Sender) -> None:
        body = make_body()
        response = Response(200, [("X", "a\r\nSet-Cookie: b")], body)
        with pytest.raises(ValueError, match="line end"):
            await sender.send(response, CHUNKED, "")
        assert not sender.begun
        assert wire.written == b""
        if isinstance(body, Chunks):
            assert body.closed
        if isinstance(body, FilePart):
            assert body.file.closed

    run(test)


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        pytest.param(b"hello", [b"hello"], id="bytes"),
        pytest.param(Chunks(b"a", b"b"), [b"1\r\na\r\n", b"1\r\nb\r\n"], id="stream"),
    ],
)
def test_the_client_sets_the_pace(body: Body, pieces: list[bytes]) -> None:
    async def test(wire: FakeWire, sender: Sender) -> None:
        response = Response(200, body=body)
        framing = frame("GET", "HTTP/1.1", response, close=False)
        sender.pause()
        task = asyncio.create_task(sender.send(response, framing, ""))
        for piece in pieces:
            await asyncio.sleep(0)
            assert wire.written.endswith(piece)
            assert not task.done()
            sender.resume()
            sender.pause()
            await asyncio.sleep(0)
        sender.resume()
        await asyncio.wait_for(task, 10)

    run(test)


def test_a_sender_that_waits_can_be_cancelled() -> None:
    async def test(wire: FakeWire, sender: Sender) -> None:
        body = Chunks(b"a", b"b")
        sender.pause()
        task = asyncio.create_task(sender.send(Response(200, body=body), CHUNKED, ""))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert body.closed
        sender.resume()  # nobody waits any more

    run(test)
