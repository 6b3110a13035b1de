"""What a connection has received: requests with their content, at any borders."""

import errno
import itertools
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpout_cgi.config import Limits
from httpout_cgi.errors import HTTPError
from httpout_cgi.processes.reception import Reception
from httpout_cgi.processes.spool import Spool

LIMITS = Limits.model_validate(
    {"request_head": "200B", "request_body": "100B", "body_in_memory": "10B"}
)
REQUESTS = (
    b"\r\n\r\nGET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
    b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n01234567890123456789"
    b"\r\nPOST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"b;x=y\r\nhello world\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n"
    b"POST /4 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    b"GET /5 HTTP/1.0\r\n\r\n"
)
EXPECTED = [
    ("/1", None),
    ("/2", b"01234567890123456789"),
    ("/3", b"hello world!"),
    ("/4", b""),
    ("/5", None),
]


def receive(reception: Reception, data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Feed data; yield the target and content of each request that is complete."""
    reception.feed(data)
    while head := reception.advance(LIMITS):
        content = None
        if reception.spool is not None:
            with reception.spool.finish() as file:
                content = file.read()
        reception.reset()
        yield head.target, content


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_borders_do_not_matter(size: int) -> None:
    reception = Reception()
    found: list[tuple[str, bytes | None]] = []
    for start in range(0, len(REQUESTS), size):
        found += receive(reception, REQUESTS[start : start + size])
    assert found == EXPECTED
    assert reception.waiting == b""


@given(st.lists(st.integers(0, len(REQUESTS)), max_size=8))
def test_no_borders_matter(borders: list[int]) -> None:
    reception = Reception()
    found: list[tuple[str, bytes | None]] = []
    edges = [0, *sorted(borders), len(REQUESTS)]
    for start, end in itertools.pairwise(edges):
        found += receive(reception, REQUESTS[start:end])
    assert found == EXPECTED


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\n", 400, id="bare LF"),
        pytest.param(b"\n", 400, id="LF alone"),
        pytest.param(b"x" * 200, None, id="a long line, not too long"),
        pytest.param(b"x" * 201, 414, id="too long a line"),
        pytest.param(b"x" * 201 + b"\r\n\r\n", 414, id="too long a line, complete"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * 200, 431, id="too long a field"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 200 + b"\r\n\r\n",
            431,
            id="too long a field, complete",
        ),
        pytest.param(
            b"PUT / HTTP/1.0\r\nContent-Length: 100\r\n\r\n", None, id="much content"
        ),
        pytest.param(
            b"PUT / HTTP/1.0\r\nContent-Length: 101\r\n\r\n", 413, id="too much"
        ),
        pytest.param(
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"
            + b"x" * 101,
            413,
            id="too much in a chunk",
        ),
        pytest.param(
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"20\r\n" + b"x" * 32 + b"\r\n") * 4,
            413,
            id="too much in all chunks",
        ),
        pytest.param(
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            id="malformed chunk",
        ),
    ],
)
def test_limits(sent: bytes, status: int | None) -> None:
    reception = Reception()
    reception.feed(sent)
    if status is None:
        assert reception.advance(LIMITS) is None
    else:
        with pytest.raises(HTTPError) as refused:
            reception.advance(LIMITS)
        assert refused.value.status == status
    reception.close()
    assert reception.waiting == b""


def test_all_chunks_count_together() -> None:
    reception = Reception()
    reception.feed(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(3):
        reception.feed(b"20\r\n" + b"x" * 32 + b"\r\n")
        assert reception.advance(LIMITS) is None
    reception.feed(b"5\r\n" + b"x" * 5)
    with pytest.raises(HTTPError, match="over 100 bytes"):
        reception.advance(LIMITS)
    reception.close()


@pytest.mark.parametrize(
    ("code", "status", "fields"),
    [
        pytest.param(errno.ENOSPC, 507, {}, id="full disk"),
        pytest.param(errno.EFBIG, 507, {}, id="limit of a file's size"),
        pytest.param(errno.EMFILE, 503, {"Retry-After": "1"}, id="no descriptor left"),
        pytest.param(errno.ENFILE, 503, {"Retry-After": "1"}, id="none in the system"),
    ],
)
def test_content_that_cannot_be_kept_is_refused(
    code: int, status: int, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(spool: Spool, data: bytes) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Spool, "write", write)
    reception = Reception()
    reception.feed(b"PUT / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
    with pytest.raises(HTTPError, match=os.strerror(code)) as refused:
        reception.advance(LIMITS)
    assert refused.value.status == status
    assert dict(refused.value.fields) == fields
    reception.close()


@pytest.mark.parametrize(
    ("sent", "due"),
    [
        pytest.param(b"", True, id="nothing yet"),
        pytest.param(b"he", False, id="content is coming"),
    ],
)
def test_a_100_is_due_until_content_comes(sent: bytes, due: bool) -> None:
    reception = Reception()
    reception.feed(
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Expect: 100-continue\r\n\r\n" + sent
    )
    assert not reception.is_continue_due()
    assert reception.advance(LIMITS) is None
    assert reception.is_continue_due() is due
    reception.close()


def test_what_was_refused_can_be_named() -> None:
    reception = Reception()
    assert reception.first_line == ""
    reception.feed(b"GET /\xff HTTP/9.9\r\nHost: x\r\n\r\n")
    with pytest.raises(HTTPError):
        reception.advance(LIMITS)
    assert reception.first_line == "GET /\xff HTTP/9.9"


def test_the_head_of_what_was_too_large_is_known() -> None:
    reception = Reception()
    reception.feed(b"PUT /big HTTP/1.0\r\nContent-Length: 101\r\n\r\n")
    with pytest.raises(HTTPError):
        reception.advance(LIMITS)
    assert reception.head
    assert reception.head.target == "/big"
