"""The head of a response: framing, and the last door against response splitting."""

import io
import tracemalloc

import pytest

from httpout_cgi.messages import FilePart, Response
from httpout_cgi.protocol import response_head
from httpout_cgi.protocol.response_head import Framing, frame, render_head


class NoStream:
    def __aiter__(self) -> "NoStream":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        pass


PLAIN = Framing(head_only=False, chunked=False, close=False, says_keep_alive=False)


@pytest.mark.parametrize(
    ("method", "version", "response", "expected"),
    [
        pytest.param("GET", "HTTP/1.1", Response(200), PLAIN, id="bytes"),
        pytest.param(
            "GET",
            "HTTP/1.0",
            Response(200),
            Framing(False, False, False, True),
            id="HTTP/1.0 kept",
        ),
        pytest.param(
            "HEAD",
            "HTTP/1.1",
            Response(200),
            Framing(True, False, False, False),
            id="HEAD",
        ),
        pytest.param(
            "GET",
            "HTTP/1.1",
            Response(204),
            Framing(True, False, False, False),
            id="204",
        ),
        pytest.param(
            "GET",
            "HTTP/1.1",
            Response(200, body=NoStream()),
            Framing(False, True, False, False),
            id="stream",
        ),
        pytest.param(
            "GET",
            "HTTP/1.0",
            Response(200, body=NoStream()),
            Framing(False, False, True, False),
            id="stream to HTTP/1.0 ends with the connection",
        ),
        pytest.param(
            "HEAD",
            "HTTP/1.0",
            Response(200, body=NoStream()),
            Framing(True, False, False, True),
            id="HEAD of a stream keeps it",
        ),
        pytest.param(
            "GET",
            "HTTP/1.1",
            Response(200, body=NoStream(), raw=True),
            Framing(False, False, True, False),
            id="raw",
        ),
        pytest.param(
            "HEAD",
            "HTTP/1.1",
            Response(204, body=NoStream(), raw=True),
            Framing(False, False, True, False),
            id="raw is not touched, whatever it is",
        ),
        pytest.param(
            "GET",
            "HTTP/1.1",
            Response(200, close=True),
            Framing(False, False, True, False),
            id="close",
        ),
        pytest.param(
            "GET",
            "HTTP/1.1",
            Response(200, body=FilePart(io.BytesIO(), 0, 0)),
            PLAIN,
            id="file",
        ),
    ],
)
def test_framing(
    method: str, version: str, response: Response, expected: Framing
) -> None:
    assert frame(method, version, response, close=False) == expected


def test_a_head_is_rendered() -> None:
    response = Response(404, [("A", "b"), ("Set-Cookie", "c")], reason="Gone fishing")
    assert render_head(response, PLAIN, 5, "Date: now\r\n") == (
        b"HTTP/1.1 404 Gone fishing\r\nDate: now\r\nContent-Length: 5\r\n"
        b"A: b\r\nSet-Cookie: c\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("status", "framing", "length", "line"),
    [
        pytest.param(200, PLAIN, 0, b"Content-Length: 0\r\n", id="empty"),
        pytest.param(
            200, Framing(True, False, False, False), 0, b"", id="HEAD, 0 is not known"
        ),
        pytest.param(
            200,
            Framing(True, False, False, False),
            7,
            b"Content-Length: 7\r\n",
            id="HEAD, length known",
        ),
        pytest.param(204, Framing(True, False, False, False), 0, b"", id="204"),
        pytest.param(304, Framing(True, True, False, False), None, b"", id="304"),
        pytest.param(
            200,
            Framing(False, True, False, False),
            None,
            b"Transfer-Encoding: chunked\r\n",
            id="chunked",
        ),
        pytest.param(
            200,
            Framing(False, False, True, False),
            None,
            b"Connection: close\r\n",
            id="close",
        ),
        pytest.param(
            200,
            Framing(False, False, False, True),
            1,
            b"Content-Length: 1\r\nConnection: keep-alive\r\n",
            id="HTTP/1.0",
        ),
    ],
)
def test_frame_lines(
    status: int, framing: Framing, length: int | None, line: bytes
) -> None:
    head = render_head(Response(status), framing, length, "")
    assert head.partition(b"\r\n")[2] == line + b"\r\n"


def test_a_status_without_a_phrase_keeps_the_blank() -> None:
    assert render_head(Response(299), PLAIN, 0, "").startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(Response(200, [("A", "b\r\nC: d")]), id="CRLF in a value"),
        pytest.param(Response(200, [("A", "b\nC: d")]), id="LF in a value"),
        pytest.param(Response(200, [("A", "b\rC: d")]), id="CR in a value"),
        pytest.param(Response(200, [("A\n", "b")]), id="LF in a name"),
        pytest.param(Response(200, [("A", "b\0")]), id="NUL"),
        pytest.param(Response(200, reason="OK\r\nA: b"), id="CRLF in the reason"),
        pytest.param(Response(200, [("A", "\u20ac")]), id="not ISO-8859-1"),
    ],
)
def test_what_would_split_the_response_is_refused(response: Response) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  both kinds are ValueErrors
        render_head(response, PLAIN, 0, "")


def test_what_was_refused_is_refused_again() -> None:
    response = Response(200, (("A", "b\r\nSet-Cookie: c=d"),))
    for _ in range(2):
        with pytest.raises(ValueError, match="line end"):
            render_head(response, PLAIN, 0, "")


def test_the_same_fields_have_any_status_and_length() -> None:
    fields = (("A", "b"),)
    for status, line in ((200, b"200 OK"), (404, b"404 Not Found")):
        for length in (1, 2):
            head = render_head(Response(status, fields), PLAIN, length, "")
            expected = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nA: b\r\n\r\n"
            assert head == expected % (line, length)


def test_a_script_cannot_fill_the_memory_with_heads() -> None:
    """CWE-770: what it prints may be different each time, and long."""
    tracemalloc.start()
    try:
        for number in range(30):
            for count in (1, 1000):
                fields = tuple((f"A{n}", f"{number}-{n}") for n in range(count))
                render_head(Response(200, fields), PLAIN, 0, "")
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


def test_fields_may_be_a_list() -> None:
    response = Response(200, [("A", "b")])
    assert b"\r\nA: b\r\n" in render_head(response, PLAIN, 0, "")


def test_no_more_heads_are_kept_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(response_head, "_MOST_CACHED", 2)
    monkeypatch.setattr(response_head, "_cached_lines", {})
    for number in range(5):
        response = Response(200, (("X-Number", str(number)),))
        framing = frame("GET", "HTTP/1.1", response, close=False)
        assert f"X-Number: {number}\r\n".encode() in render_head(
            response, framing, 0, ""
        )
        assert len(response_head._cached_lines) <= 2
