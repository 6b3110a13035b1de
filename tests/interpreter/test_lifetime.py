"""What a script starts ends with its run, and os._exit() ends all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpout_cgi.interpreter import lifetime
from httpout_cgi.interpreter.run_context import RunContext

from tests.interpreter.script_runs import Result, run_file, save, stand_ins

SECONDS = 10  # a deadline, not a pause


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def end_threads(run: RunContext) -> None:
    deadline = time.monotonic() + SECONDS
    while lifetime.end_threads(run):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def run(tmp_path: Path, source: str) -> Result:
    """Run a script to its end, and its threads to theirs."""
    runs: list[RunContext] = []
    result = run_file(save(tmp_path / "script.py", source), inspect=runs.append)
    end_threads(runs[0])
    return result


@pytest.mark.parametrize(
    "how",
    [
        "os._exit(4)",
        "import posix; posix._exit(4)",
        "threading.Thread(target=os._exit, args=(4,)).start(); time.sleep(600)",
        "_thread.start_new_thread(os._exit, (4,)); threading.Event().wait()",
        "threading.Thread(target=os._exit, args=(4,)).start()\nwhile True: len('')",
        "signal.signal(14, lambda *_: os._exit(4)); signal.setitimer(0, 0.01)\n"
        "time.sleep(600)",
    ],
)
def test_exit_at_once_ends_the_run_from_any_thread(tmp_path: Path, how: str) -> None:
    result = run(
        tmp_path,
        f"""
import _thread, atexit, os, signal, threading, time
atexit.register(print, "never", flush=True)
print("kept", flush=True)
print("lost")
try:
    exec({how!r})
except Exception:
    print("never", flush=True)
print("never", flush=True)
""",
    )
    assert result.text == "kept\n"
    assert result.exit_code == 4
    assert result.failure is None
    assert result.log == []


def test_an_exit_status_is_a_number(tmp_path: Path) -> None:
    result = run(tmp_path, "import os\nos._exit('x')")
    assert "TypeError" in (result.failure or "")


@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param("time.sleep(600)", id="sleep"),
        pytest.param("queue.Queue().get()", id="queue"),
        pytest.param("while True: len('')", id="work"),
        pytest.param(
            "for _ in range(3):\n"
            "    try: time.sleep(600)\n"
            "    except BaseException: pass",
            id="swallowed",
        ),
        pytest.param(
            "pool = futures.ThreadPoolExecutor(); pool.submit(int).result()\n"
            "ready.set()\ntime.sleep(600)",
            id="pool",
        ),
    ],
)
@pytest.mark.parametrize(
    "start",
    ["threading.Thread(target=work, daemon=True).start()", "start(work, ())"],
    ids=["daemon", "raw"],
)
def test_threads_that_outlive_the_run_are_ended(
    tmp_path: Path, waiting: str, start: str
) -> None:
    path = save(
        tmp_path / "script.py",
        f"""
import queue, threading, time
from _thread import start_new_thread as start
from concurrent import futures
ready = threading.Event()
waiting = {waiting!r}
names = dict(queue=queue, time=time, futures=futures, ready=ready)
def work(ready=ready, waiting=waiting, names=names):
    if "ready" not in waiting:
        ready.set()
    exec(waiting, names)
    print("muted", flush=True)
{start}
ready.wait()
print("over")
""",
    )
    runs: list[RunContext] = []
    result = run_file(path, inspect=runs.append)
    assert lifetime.has_threads(runs[0])
    end_threads(runs[0])
    assert result.text == "over\n"
    assert result.log == []
    assert lifetime.thread_ids(runs[0]) == []


def test_what_fails_in_a_thread_behind_the_end_is_nobodys_concern(
    tmp_path: Path,
) -> None:
    path = save(
        tmp_path / "script.py",
        """
        import _thread, threading
        started = threading.Barrier(3)
        def work(started=started, wait=threading.Event().wait):
            started.wait()
            try:
                wait()
            finally:
                1 / 0
        threading.Thread(target=work, daemon=True).start()
        _thread.start_new_thread(work, ())
        started.wait()
        """,
    )
    runs: list[RunContext] = []
    result = run_file(path, inspect=runs.append)
    end_threads(runs[0])
    assert result.log == []


def test_a_thread_that_cannot_be_started_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(lifetime, "_start_new_thread", refuse)
    runs: list[RunContext] = []
    path = save(
        tmp_path / "script.py",
        "import _thread\n_thread.start_new_thread(print, ())",
    )
    result = run_file(path, inspect=runs.append)
    assert "can't start new thread" in (result.failure or "")
    assert not lifetime.has_threads(runs[0])


def test_a_thread_has_a_context_of_its_own(tmp_path: Path) -> None:
    """As before Python 3.14."""
    result = run(
        tmp_path,
        """
        import _thread, contextvars, decimal, threading
        variable = contextvars.ContextVar("variable", default="default")
        variable.set("of the script")
        decimal.getcontext().prec = 5

        def work():
            print(variable.get(), decimal.getcontext().prec)
            variable.set("of the thread")
            decimal.getcontext().prec = 7
            done.release()

        for start in threading.Thread, _thread.start_new_thread:
            done = threading.Lock()
            done.acquire()
            if start is threading.Thread:
                start(target=work).start()
            else:
                start(work, ())
            done.acquire()
        print(variable.get(), decimal.getcontext().prec)
        contextvars.copy_context().run(work)
        """,
    )
    assert result.text == "default 28\ndefault 28\nof the script 5\nof the script 5\n"
