"""The pipes of a run in a thread, each there only once it is opened."""

import asyncio
import os
import time
from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.runners.run_pipes import RunPipes
from tests.interpreter.script_runs import save
from tests.test_thread_runner import describe, until


class Reader:
    """What a run does with its output."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.errors: list[HTTPError] = []
        self.has_too_much = False

    def receive(self, data: bytes) -> bool:
        self.received.append(data)
        return self.has_too_much


def make(tmp_path: Path, reader: Reader, timeout: float = 20.0) -> RunPipes:
    invocation = describe(save(tmp_path / "a.py", ""), timeout=timeout)
    return RunPipes(invocation, reader.receive, reader.errors.append)


def test_standard_error_is_no_output(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        loop, reader = asyncio.get_running_loop(), Reader()
        pipes = make(tmp_path, reader)
        pipes.read_errors(loop)  # too early
        write_end = pipes.open(2)
        pipes.read_errors(loop)
        pipes.read_output(loop)
        pipes.resume()
        pipes.finish(loop, loop.time())
        pipes.close_output()
        assert not pipes.has_output
        os.write(write_end, b"line\n")
        os.close(write_end)
        await until(lambda: caplog.messages)
        await asyncio.sleep(0)
        assert reader.received == []

    asyncio.run(main())
    assert caplog.messages == ["[site /cgi-bin/a.py id7] line"]


def test_output_is_read_until_there_is_too_much(tmp_path: Path) -> None:
    async def main() -> None:
        loop, reader = asyncio.get_running_loop(), Reader()
        pipes = make(tmp_path, reader)
        write_end = pipes.open(1)
        pipes.read_output(loop)
        reader.has_too_much = True
        os.write(write_end, b"a")
        await until(lambda: reader.received)
        os.write(write_end, b"b")
        pipes.finish(loop, loop.time())
        assert reader.received == [b"a"]
        pipes.resume()
        pipes.finish(loop, loop.time())
        os.close(write_end)
        pipes.resume()
        await until(lambda: not pipes.has_output)
        assert reader.received == [b"a", b"b", b""]
        assert reader.errors == []

    asyncio.run(main())


def test_children_that_end_in_time_are_not_limited(tmp_path: Path) -> None:
    async def main() -> None:
        loop, reader = asyncio.get_running_loop(), Reader()
        pipes = make(tmp_path, reader, timeout=0.1)
        write_end = pipes.open(1)
        pipes.read_output(loop)
        pipes.finish(loop, time.monotonic())
        os.close(write_end)
        await asyncio.sleep(0.2)
        assert reader.received == [b""]
        assert reader.errors == []

    asyncio.run(main())


@pytest.mark.parametrize("is_closed", [False, True])
def test_children_have_no_more_time_than_their_script(
    tmp_path: Path, is_closed: bool
) -> None:
    async def main() -> None:
        loop, reader = asyncio.get_running_loop(), Reader()
        pipes = make(tmp_path, reader, timeout=0.0)
        write_end = pipes.open(1)
        pipes.read_output(loop)
        pipes.finish(loop, 0.0)
        if is_closed:
            pipes.close_output()
        await asyncio.sleep(0.01)
        found = [error.status for error in reader.errors]
        assert found == ([] if is_closed else [HTTPStatus.GATEWAY_TIMEOUT])
        pipes.close_output()
        os.close(write_end)

    asyncio.run(main())
