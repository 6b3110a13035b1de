"""What a pool says in the error log of its server."""

import os

import pytest

from httpout_cgi.processes.pool_log import complain


def test_it_is_one_line_of_what_the_system_takes(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    complain("no\0 run: ü\udcff")
    assert capfdbinary.readouterr().err == "pool: no run: ü".encode() + b"\xff\n"


def test_nobody_has_to_read_it() -> None:
    kept = os.dup(2)
    reader, writer = os.pipe()
    os.dup2(writer, 2)
    for number in (reader, writer):
        os.close(number)
    try:
        complain("a peer was dropped")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
