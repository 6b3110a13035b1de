"""From a run's output to the pieces of a response."""

import asyncio

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.script_output import read_status_line
from tests.fake_runs import FakeRun


def read(*pieces: bytes) -> tuple[int, bytes]:
    return asyncio.run(read_status_line(FakeRun(pieces)))


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"HTTP/1.0 404 Not Found\r\nX-A: 1\r\n\r\n"], id="at once"),
        pytest.param([b"HTTP/1.0", b" 404 Not Found\r", b"\n", b"later"], id="pieces"),
        pytest.param([b"HTTP/1.0 404\n"], id="no reason"),
    ],
)
def test_a_status_line_is_read_and_kept(pieces: list[bytes]) -> None:
    status, output = read(*pieces)
    assert status == 404
    assert b"".join(pieces).startswith(output)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        pytest.param([], "end of script output before headers", id="nothing"),
        pytest.param([b""], "end of script output before headers", id="empty"),
        pytest.param([b"Status: 404\n\n"], "malformed header", id="no status line"),
        pytest.param([b"x" * 600, b"x" * 600], "malformed header", id="no line end"),
    ],
)
def test_no_status_line(pieces: list[bytes], reason: str) -> None:
    with pytest.raises(HTTPError, match=reason) as refused:
        read(*pieces)
    assert refused.value.status == 500


def test_a_status_line_without_a_line_end_is_not_read_for_ever() -> None:
    run = FakeRun([b"x" * 1024, b"y"])
    with pytest.raises(HTTPError):
        asyncio.run(read_status_line(run))
    assert not run.ended
