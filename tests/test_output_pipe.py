"""Pipes of runs on the loop: paced, line by line, and held open by children."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter.run_context import RunContext, current
from httpout_cgi.runners.output_pipe import LineReceiver, OutputPipe
from httpout_cgi.runners.thread import ThreadRunner
from httpout_cgi.runners.thread_run import ThreadRun
from httpout_cgi.runners.unread_output import UNREAD_LIMIT
from tests.interpreter.script_runs import save
from tests.test_thread_runner import check, describe, read_all, until

PATH = {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        pytest.param([b"a\nb", b"c\n", b""], [b"a", b"bc"], id="pieces"),
        pytest.param([b"a", b""], [b"a"], id="no line end"),
        pytest.param([b"\n", b""], [b""], id="empty line"),
        pytest.param([b""], [], id="nothing"),
        pytest.param([b"x" * 20_000, b"y", b""], [b"x" * 20_000, b"y"], id="long"),
    ],
)
def test_lines(pieces: list[bytes], lines: list[bytes]) -> None:
    found: list[bytes] = []
    receiver = LineReceiver(found.append)
    for piece in pieces:
        receiver(piece)
    assert found == lines


def on_a_loop(test: Callable[[OutputPipe, list[bytes]], object]) -> None:
    async def main() -> None:
        received: list[bytes] = []
        pipe = OutputPipe(received.append)
        try:
            test(pipe, received)
        finally:
            pipe.close()
            os.close(pipe.write_end)

    asyncio.run(main())


def test_a_flood_of_lines_leaves_the_loop_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        received: list[int] = []
        rests: list[float] = []

        def rest(delay: float, end: Callable[[], None]) -> None:
            rests.append(delay)
            loop.call_soon(end)

        monkeypatch.setattr(loop, "call_later", rest)

        def receive(data: bytes) -> None:
            received.append(len(data))
            until = time.monotonic() + 0.01
            while time.monotonic() < until:
                pass  # as if there were many lines

        pipe = OutputPipe(receive, is_log=True)
        os.write(pipe.write_end, b"\n" * 60_000)
        pipe.start(loop)
        while len(received) < 3:
            await asyncio.sleep(0)
        # It has not been read as a whole, and others came first.
        assert received == [1024] * 3
        assert all(0.1 <= one <= 1 for one in rests)
        assert len(rests) == 3
        # At the end of its run, there is no time for all of it.
        pipe.read_now()
        assert 3 < len(received) < 50
        pipe.close()
        os.close(pipe.write_end)
        # A rest that ends after that is none.
        pipe._end_rest()

    asyncio.run(main())


def test_a_pipe_is_read_from_its_start_on() -> None:
    def test(pipe: OutputPipe, received: list[bytes]) -> None:
        os.write(pipe.write_end, b"a")
        pipe.read_now()
        assert received == []
        pipe.start(asyncio.get_running_loop())
        pipe.start(asyncio.get_running_loop())
        pipe.read_now()
        assert received == [b"a"]

    on_a_loop(test)


def test_a_pipe_that_is_paused_is_not_read() -> None:
    def test(pipe: OutputPipe, received: list[bytes]) -> None:
        pipe.pause()  # too early
        pipe.start(asyncio.get_running_loop())
        pipe.pause()
        os.write(pipe.write_end, b"a")
        pipe.read_now()
        assert received == []
        pipe.resume()
        pipe.read_now()
        assert received == [b"a"]
        pipe.pause()

    on_a_loop(test)


def test_whoever_writes_to_a_closed_pipe_is_told() -> None:
    def test(pipe: OutputPipe, received: list[bytes]) -> None:
        pipe.close()
        pipe.start(asyncio.get_running_loop())
        with pytest.raises(BrokenPipeError):
            os.write(pipe.write_end, b"a")

    on_a_loop(test)


def test_output_and_children_of_a_run_come_in_order(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, sys
        print("1", flush=True)
        os.system("echo 2; echo error >&2")
        print("3", flush=True)
        os.write(1, b"4")
        """,
    )

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path, environment=dict(PATH)))
        assert await read_all(run) == b"1\n2\n3\n4"

    check(test)


# It drops a Popen that is alive, at which CPython warns as here.
dropping = pytest.mark.filterwarnings("ignore::ResourceWarning")
# Seconds: much more than a script needs for what it does before it is ended.
LIMIT = 1
BACKGROUND = """
    import subprocess
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid)
    """


@dropping
def test_a_child_holds_a_run_open_until_its_time_is_over(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", BACKGROUND)

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path, environment=dict(PATH), timeout=LIMIT))
        pid = int(await run.read())
        try:
            await until(lambda: run.is_finished)
            assert not run.ended
            with pytest.raises(HTTPError) as caught:
                await run.read()
            assert caught.value.status == HTTPStatus.GATEWAY_TIMEOUT
            run.close()
        finally:
            os.kill(pid, signal.SIGKILL)

    check(test, threads=1)


@dropping
def test_a_run_that_a_child_holds_open_can_be_closed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", BACKGROUND)

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path, environment=dict(PATH)))
        pid = int(await run.read())
        await until(lambda: run.is_finished)
        run.close()
        assert run.ended
        os.kill(pid, signal.SIGKILL)

    check(test)


def test_a_child_waits_while_too_much_is_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 1_000_000
    source = f"import os\nos.system('head -c {size} /dev/zero')"
    path = save(tmp_path / "a.py", source)
    unread: list[int] = []
    receive = ThreadRun._receive

    def look_and_receive(run: ThreadRun, data: bytes) -> bool:
        has_too_much = receive(run, data)
        unread.append(run._output.count())
        return has_too_much

    monkeypatch.setattr(ThreadRun, "_receive", look_and_receive)

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path, environment=dict(PATH)))
        await until(lambda: sum(unread) > UNREAD_LIMIT)
        for _ in range(50):  # turns of the loop, in which it could read more
            await asyncio.sleep(0.002)
        assert max(unread) <= 2 * UNREAD_LIMIT
        assert len(await read_all(run)) == size

    check(test)


def test_a_writer_whose_reader_left_sees_a_broken_pipe(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import sys
        sys.stdout.fileno()
        while True:
            print("x" * 8192)
        """,
    )

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path))
        await run.read()
        run.close()
        await until(lambda: run.is_finished)
        assert run.failure is None

    check(test)


def test_a_writer_that_waits_is_told_that_its_reader_left(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "while True: print('x' * 8192)")

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path))
        await until(run._output.has_too_much)
        run.close()
        await until(lambda: run.is_finished)
        assert run.failure is None

    check(test, grace=60.0)


def test_the_end_of_a_pipe_is_no_output(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        run = ThreadRun(describe(path), loop, lambda run: None)
        os.close(run.open_pipe(1))
        run.is_finished = True
        assert not run.ended
        run.wake()
        assert run.ended

    asyncio.run(main())


def test_what_goes_on_of_a_page_learns_that_its_reader_has_left(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        run = ThreadRun(describe(path), loop, lambda run: None)
        context = RunContext(
            str(path),
            str(tmp_path),
            environment={},
            write=lambda data: None,
            write_error=lambda line: None,
        )
        run.leave(context)
        write_end = run.open_pipe(1)
        run.close()
        assert context.is_reader_gone
        with pytest.raises(BrokenPipeError):
            os.write(write_end, b"x")
        os.close(write_end)

    asyncio.run(main())


@pytest.mark.parametrize("leave", ["os.close(1)", "sys.stdout.close()"])
def test_a_script_that_closes_its_output_has_lost_no_reader(
    tmp_path: Path, leave: str
) -> None:
    source = f"import os, sys\nprint('a', flush=True)\n{leave}\nsys.stdin.read()"
    path = save(tmp_path / "a.py", source)
    gate = threading.Event()

    class Gate:
        def read(self, size: int) -> bytes:
            gate.wait()
            return b""

        def close(self) -> None:
            pass

    async def test(runner: ThreadRunner) -> None:
        invocation = describe(path)._replace(stdin=Gate())  # type: ignore[arg-type]
        run = runner.start(invocation)
        assert await read_all(run) == b"a\n"
        assert run.ended
        assert run.closed is None
        assert not run.is_finished
        gate.set()
        await until(lambda: run.is_finished)
        assert run.failure is None

    check(test)


def test_a_script_that_closes_its_output_still_has_a_time_limit(
    tmp_path: Path,
) -> None:
    source = "import os, time\nprint('a', flush=True)\nos.close(1)\nwhile True: pass"
    path = save(tmp_path / "a.py", source)

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path, timeout=LIMIT))
        assert await read_all(run) == b"a\n"
        await until(lambda: run.is_finished)
        assert "RunInterrupted" in str(run.failure)

    check(test)


def test_what_a_run_tells_the_loop_is_done_outside_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.py", "import os\nprint('a')\nos.system('echo b')")
    seen: list[object] = []
    wake, receive = ThreadRun.wake, ThreadRun._receive

    def look_and_wake(run: ThreadRun) -> None:
        seen.append(current.get())
        wake(run)

    def look_and_receive(run: ThreadRun, data: bytes) -> bool:
        seen.append(current.get())
        return receive(run, data)

    monkeypatch.setattr(ThreadRun, "wake", look_and_wake)
    monkeypatch.setattr(ThreadRun, "_receive", look_and_receive)

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path, environment=dict(PATH)))
        assert await read_all(run) == b"b\na\n"

    check(test)
    assert len(seen) > 3
    assert set(seen) == {None}
