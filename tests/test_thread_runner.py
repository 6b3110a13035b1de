"""Scripts in threads: output, back-pressure, time limits, and what is left behind."""

import asyncio
import gc
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter import (
    context,
    interrupts,
    lifetime,
    working_directory,
)
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.runners import thread_run
from httpout_cgi.runners.base import Run, Runner
from httpout_cgi.runners.thread import ThreadRunner
from httpout_cgi.runners.thread_run import ThreadRun
from httpout_cgi.runners.unread_output import UNREAD_LIMIT
from httpout_cgi.scripts import Invocation, Mount, OutputMode, Script
from tests.interpreter.script_runs import save

Test: TypeAlias = Callable[[ThreadRunner], Awaitable[None]]


def describe(
    path: Path,
    *,
    environment: dict[str, str] | None = None,
    stdin: bytes | None = None,
    timeout: float = 10.0,
    output: OutputMode = "cgi",
) -> Invocation:
    mount = Mount("/cgi-bin/", str(path.parent), timeout=timeout, output=output)
    name = f"/cgi-bin/{path.name}"
    script = Script(
        str(path), path.stat(), name, "", None, str(path.parent), mount, "site"
    )
    source = None if stdin is None else BytesIO(stdin)
    return Invocation("id7", script, environment or {}, (), source)


@asynccontextmanager
async def running(
    threads: int = 4,
    queue: int = 64,
    *,
    grace: float = 0.1,
    patience: float = 5.0,
    on_worn_out: Callable[[], None] = lambda: None,
) -> AsyncIterator[ThreadRunner]:
    runner = ThreadRunner(
        asyncio.get_running_loop(),
        CodeCache(),
        threads=threads,
        queue=queue,
        grace=grace,
        patience=patience,
        on_worn_out=on_worn_out,
    )
    try:
        yield runner
    finally:
        await runner.shutdown(5)
        context.uninstall()


# Any: whatever a runner takes.
def check(test: Test, **options: Any) -> None:
    """Run a test with a runner on a loop of its own."""

    async def main() -> None:
        async with running(**options) as runner:
            await asyncio.wait_for(test(runner), 20)

    asyncio.run(main())


async def read_all(run: ThreadRun) -> bytes:
    parts = []
    while not run.ended:
        parts.append(await run.read())
    run.close()
    return b"".join(parts)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread brings about."""
    async with asyncio.timeout(15) if hasattr(asyncio, "timeout") else _no_limit():
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def _no_limit() -> AsyncIterator[None]:
    yield


def test_it_is_a_runner() -> None:
    async def test(runner: ThreadRunner) -> None:
        seam: Runner = runner
        assert seam is runner

    check(test)


def test_a_quick_script_is_read_at_once(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "print('Content-Type: text/plain\\n')\nprint('hi')")

    async def test(runner: ThreadRunner) -> None:
        run: Run = runner.start(describe(path))
        assert not run.ended
        assert await run.read() == b"Content-Type: text/plain\n\nhi\n"
        assert run.ended
        assert run.failure is None
        assert await run.read() == b""
        run.close()

    check(test)


def test_flushed_output_comes_before_the_end(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import sys
        print("first", flush=True)
        sys.stdin.read()
        print("second")
        """,
    )
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(replace_stdin(describe(path), source))
        assert await run.read() == b"first\n"
        assert not run.ended
        source.gate.set()
        assert await run.read() == b"second\n"
        assert run.ended

    check(test)


class GatedFile(BytesIO):
    """A file whose reader waits for the test."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.gate = threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        assert self.gate.wait(10)
        return super().read(size)


def replace_stdin(invocation: Invocation, stdin: BytesIO) -> Invocation:
    return Invocation(
        invocation.run_id, invocation.script, invocation.environment, (), stdin
    )


def test_what_a_page_printed_too_late_for_the_young_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody looks at the young; and the page stays one for as long as it runs.
    monkeypatch.setattr(ThreadRunner, "_look_at_young", lambda self: None)
    monkeypatch.setattr(thread_run, "YOUNG", 100)
    path = save(tmp_path / "a.py", "import sys\nprint('first')\nsys.stdin.read()")
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(replace_stdin(describe(path, output="page"), source))
        assert (await run.read()).endswith(b"\n\nfirst\n")
        source.gate.set()
        assert await run.read() == b""

    check(test)


def test_a_run_has_its_directory_umask_and_input(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, sys
        print(os.getcwd(), os.umask(0o077), sys.stdin.read())
        os.chdir("/")
        """,
    )
    mask = os.umask(0o022)
    os.umask(mask)
    before = os.getcwd()

    async def test(runner: ThreadRunner) -> None:
        for _ in range(3):
            invocation = describe(path, stdin=b"content")
            text = await read_all(runner.start(invocation))
            assert text.decode() == f"{tmp_path} {mask} content\n"
            assert invocation.stdin is not None
            assert invocation.stdin.closed

    check(test, threads=1)
    assert os.getcwd() == before


def test_runs_at_the_same_time_never_see_each_other(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, time
        os.environ["CHANGED"] = os.environ["NUMBER"]
        os.chdir(os.environ["NUMBER"])
        time.sleep(0.05)
        print(os.environ["CHANGED"], os.path.basename(os.getcwd()), end="")
        """,
    )
    for number in range(64):
        (tmp_path / str(number)).mkdir()

    async def test(runner: ThreadRunner) -> None:
        runs = [
            runner.start(describe(path, environment={"NUMBER": str(number)}))
            for number in range(64)
        ]
        texts = await asyncio.gather(*map(read_all, runs))
        assert texts == [f"{number} {number}".encode() for number in range(64)]

    check(test, threads=16)


def test_a_crash_without_output_is_the_end_and_a_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "a.py", "import sys\nsys.stderr.write('hint\\n')\n1/0")

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path))
        assert await run.read() == b""
        assert run.ended
        assert run.failure is not None
        assert run.failure.endswith("ZeroDivisionError: division by zero\n")

    check(test)
    lines = [r.getMessage() for r in caplog.records if r.name == "httpout_cgi.script"]
    assert lines[0] == "[site /cgi-bin/a.py id7] hint"
    assert lines[-1] == ("[site /cgi-bin/a.py id7] ZeroDivisionError: division by zero")


def test_an_exit_code_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "a.py", "raise SystemExit(3)")

    async def test(runner: ThreadRunner) -> None:
        assert await read_all(runner.start(describe(path))) == b""

    with caplog.at_level(logging.INFO, "httpout_cgi.script"):
        check(test)
    assert "[site /cgi-bin/a.py id7] exit code 3" in caplog.messages


def test_a_folder_that_has_gone_is_a_failure(tmp_path: Path) -> None:
    path = save(tmp_path / "gone/a.py", "")
    invocation = describe(path)
    path.unlink()
    path.parent.rmdir()

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(invocation)
        assert await run.read() == b""
        assert run.failure is not None
        assert "FileNotFoundError" in run.failure

    check(test)


def test_a_full_queue_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import sys\nsys.stdin.read()\nprint('done')")
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        first = runner.start(replace_stdin(describe(path), source))
        second = runner.start(describe(path))
        refused = describe(path, stdin=b"")
        for invocation in (refused, describe(path)):
            with pytest.raises(HTTPError) as caught:
                runner.start(invocation)
            assert caught.value.status == HTTPStatus.SERVICE_UNAVAILABLE
            assert dict(caught.value.fields)["Retry-After"]
        assert refused.stdin is not None
        assert refused.stdin.closed
        source.gate.set()
        assert await read_all(first) == await read_all(second) == b"done\n"
        assert await read_all(runner.start(describe(path))) == b"done\n"

    check(test, threads=1, queue=1)


def test_a_writer_waits_for_its_reader(tmp_path: Path) -> None:
    size = 1_000_000
    path = save(
        tmp_path / "a.py",
        f"""
        import sys
        for _ in range(100):
            sys.stdout.buffer.write(b"x" * {size // 100})
        sys.stdout.flush()
        print("done", file=sys.stderr)
        """,
    )

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path))
        total, largest = 0, 0
        while not run.ended:
            await asyncio.sleep(0.001)
            data = await run.read()
            total += len(data)
            largest = max(largest, len(data))
        assert total == size
        assert largest <= UNREAD_LIMIT + size // 100

    check(test)


def test_a_closed_run_gets_a_broken_pipe(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import sys
        try:
            while True:
                print("x" * 1000)
        except BrokenPipeError as exc:
            with open("seen", "w") as file:
                file.write(str(exc.errno))
            raise
        """,
    )

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path))
        assert await run.read()
        run.close()
        run.close()
        assert await run.read() == b""
        await until(lambda: run.ended)
        assert run.failure is None

    check(test, grace=60)
    assert (tmp_path / "seen").read_text() == "32"


def test_a_silent_run_without_a_reader_is_interrupted(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "print('x', flush=True)\nwhile True: pass")

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path))
        assert await run.read() == b"x\n"
        run.close()
        await until(lambda: run.ended)
        assert run.failure is not None
        assert "RunInterrupted" in run.failure

    check(test)


def test_a_run_that_was_closed_in_the_queue_never_starts(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import sys\nsys.stdin.read()")
    never = save(tmp_path / "b.py", "open('started', 'w').close()")
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        first = runner.start(replace_stdin(describe(path), source))
        second = runner.start(describe(never))
        second.close()
        source.gate.set()
        await read_all(first)
        await until(lambda: second.ended)

    check(test, threads=1)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("while True: pass", id="loop"),
        pytest.param(
            """
            n = 0
            while n < 3:
                try:
                    while True: pass
                except:
                    n += 1
            """,
            id="swallowed",
        ),
        pytest.param(
            """
            import threading
            def work():
                while True: pass
            threading.Thread(target=work).start()
            """,
            id="thread",
        ),
        pytest.param(
            "import atexit\n@atexit.register\ndef f():\n    while True: pass",
            id="atexit",
        ),
    ],
)
def test_a_run_over_its_time_limit_is_interrupted(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    path = save(tmp_path / "a.py", source)

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path, timeout=0.15))
        with pytest.raises(HTTPError) as caught:
            await run.read()
        assert caught.value.status == HTTPStatus.GATEWAY_TIMEOUT
        await until(lambda: run.ended)
        # The thread is as good as new.
        hello = save(tmp_path / "b.py", "print('hi')")
        for _ in range(5):
            assert await read_all(runner.start(describe(hello))) == b"hi\n"
        assert runner.stuck == 0

    check(test, threads=1)


def test_a_run_that_waits_too_long_for_a_thread_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import sys\nsys.stdin.read()")
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        first = runner.start(replace_stdin(describe(path), source))
        second = runner.start(describe(path, timeout=0.1))
        with pytest.raises(HTTPError) as caught:
            await second.read()
        assert caught.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        source.gate.set()
        await read_all(first)

    check(test, threads=1)


@pytest.fixture
def deaf_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no thread be interrupted: see strike() for what coverage would do."""
    monkeypatch.setattr(interrupts, "strike", lambda *_, **__: True)


@pytest.mark.usefixtures("deaf_threads")
def test_a_stuck_thread_is_replaced_and_counted(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import sys\nsys.stdin.read()")
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(replace_stdin(describe(path, timeout=0.1), source))
        with pytest.raises(HTTPError):
            await run.read()
        await until(lambda: runner.stuck)
        hello = save(tmp_path / "b.py", "print('hi')")
        assert await read_all(runner.start(describe(hello))) == b"hi\n"
        source.gate.set()
        await until(lambda: not runner.stuck)
        assert await read_all(runner.start(describe(hello))) == b"hi\n"

    check(test, threads=1, patience=0.1)


def test_a_thread_with_leftover_threads_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    path = save(
        tmp_path / "a.py",
        """
        import sys, threading
        source = sys.stdin
        threading.Thread(target=lambda: source.read(), daemon=True).start()
        print(threading.get_ident())
        """,
    )
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        await read_all(runner.start(replace_stdin(describe(path), source)))
        hello = save(tmp_path / "b.py", "import os\nprint(os.getcwd())")
        assert await read_all(runner.start(describe(hello)))
        source.gate.set()

    check(test, threads=1)


def test_threads_that_go_on_do_not_share_their_folder_with_the_next_run(
    tmp_path: Path,
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import _thread, os
        def wander(stop=os.path.abspath("stop"), os=os, away=True):
            while away:
                try:
                    os.chdir("/")
                    away = not os.path.exists(stop)
                except BaseException:
                    pass  # SystemExit, again and again
        _thread.start_new_thread(wander, ())
        """,
    )
    tell = save(tmp_path / "b.py", "import os\nfor _ in range(99): print(os.getcwd())")

    async def test(runner: ThreadRunner) -> None:
        await read_all(runner.start(describe(path)))
        assert runner.leftovers == 1
        seen = await read_all(runner.start(describe(tell)))
        assert set(seen.decode().split()) == {str(tmp_path)}
        (tmp_path / "stop").touch()
        await until(lambda: not runner.leftovers)

    check(test, threads=1)


@pytest.mark.usefixtures("deaf_threads")
def test_a_runner_that_has_lost_as_many_threads_as_it_has_is_worn_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifetime, "strike", lambda *_, **__: True)
    stuck = save(tmp_path / "a.py", "import sys\nsys.stdin.read()")
    leaving = save(
        tmp_path / "b.py",
        """
        import sys, threading
        read = sys.stdin.read
        threading.Thread(target=lambda read=read: read(), daemon=True).start()
        """,
    )
    source, other = GatedFile(b""), GatedFile(b"")
    told: list[bool] = []

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(replace_stdin(describe(stuck, timeout=0.1), source))
        with pytest.raises(HTTPError):
            await run.read()
        await until(lambda: runner.stuck)
        assert not told
        await read_all(runner.start(replace_stdin(describe(leaving), other)))
        await until(lambda: told)
        source.gate.set()
        other.gate.set()
        await until(lambda: not runner.stuck and not runner.leftovers)
        assert told == [True]

    check(test, threads=2, patience=0.1, on_worn_out=lambda: told.append(True))
    assert "threads that it left behind cannot be ended" in caplog.text


def test_a_profiler_that_is_left_on_ends_with_its_run(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import sys\nsys.setprofile(lambda *_: None)")
    tell = save(tmp_path / "b.py", "import sys\nprint(sys.getprofile())")

    async def test(runner: ThreadRunner) -> None:
        await read_all(runner.start(describe(path)))
        assert await read_all(runner.start(describe(tell))) == b"None\n"

    check(test, threads=1)


def test_a_run_that_its_thread_ends_is_over_in_spite_of_a_bare_except(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, threading, time
        threading.Thread(target=os._exit, args=(3,)).start()
        for _ in range(3):
            try:
                time.sleep(600)
            except:
                pass
        """,
    )

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(describe(path))
        await read_all(run)
        assert run.failure is None
        left = run.leftover
        await until(lambda: left is None or not lifetime.has_threads(left))

    with caplog.at_level(logging.INFO, "httpout_cgi.script"):
        check(test)
    assert "exit code 3" in caplog.text


def test_a_thread_that_dies_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "a.py", "print('hi')")
    failures = [OSError("no")]
    original = working_directory.own_working_directory

    def fail_once() -> None:
        if failures:
            raise failures.pop()
        original()

    async def test(runner: ThreadRunner) -> None:
        monkeypatch.setattr(working_directory, "own_working_directory", fail_once)
        assert await read_all(runner.start(describe(path))) == b"hi\n"

    check(test, threads=1)
    assert "has died" in caplog.text


def test_where_threads_cannot_have_directories_one_run_is_made_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(working_directory, "is_available", lambda: False)
    path = save(
        tmp_path / "a.py",
        """
        import os
        os.mkdir("busy")
        print(os.getcwd(), end="")
        os.rmdir("busy")
        """,
    )

    async def test(runner: ThreadRunner) -> None:
        runs = [runner.start(describe(path)) for _ in range(20)]
        texts = await asyncio.gather(*map(read_all, runs))
        assert texts == [str(tmp_path).encode()] * 20

    before = os.getcwd()
    try:
        check(test)
    finally:
        os.chdir(before)
    assert "one at a time" in caplog.text


def test_shutdown_waits_and_then_interrupts(tmp_path: Path) -> None:
    quick = save(tmp_path / "a.py", "print('done')")
    endless = save(tmp_path / "b.py", "while True: pass")

    async def test(runner: ThreadRunner) -> None:
        run, bad = runner.start(describe(quick)), runner.start(describe(endless))
        await runner.shutdown(0.2)
        assert await run.read() == b"done\n"
        with pytest.raises(HTTPError) as caught:
            await bad.read()
        assert caught.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        await until(lambda: bad.ended)
        assert bad.failure is not None

    check(test)


@pytest.mark.usefixtures("deaf_threads")
def test_shutdown_leaves_a_stuck_thread_behind(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import sys\nsys.stdin.read()\nprint('late')")
    source = GatedFile(b"")

    async def test(runner: ThreadRunner) -> None:
        run = runner.start(replace_stdin(describe(path), source))
        await runner.shutdown(0.05)
        assert not run.ended
        source.gate.set()
        await until(lambda: run.ended)

    check(test)


def test_threads_of_a_script_are_joined(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import threading, time
        def work():
            time.sleep(0.05)
            print("thread")
        threading.Thread(target=work).start()
        """,
    )

    async def test(runner: ThreadRunner) -> None:
        assert await read_all(runner.start(describe(path))) == b"thread\n"

    check(test)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import local_a, sys\nprint(sys.stdin.read())")
    save(tmp_path / "local_a.py", "class Thing: pass\nthings = [Thing()]")

    async def batch(runner: ThreadRunner, count: int) -> None:
        for _ in range(count):
            assert await read_all(runner.start(describe(path, stdin=b"x"))) == b"x\n"

    async def test(runner: ThreadRunner) -> None:
        await batch(runner, 50)
        gc.collect()
        before = count_things()
        await batch(runner, 300)
        gc.collect()
        after = count_things()
        assert after[:2] == before[:2]
        assert after[2] - before[2] < 300

    check(test)


def count_things() -> tuple[int, int, int]:
    files = len(os.listdir("/proc/self/fd"))
    return threading.active_count(), files, len(gc.get_objects())
