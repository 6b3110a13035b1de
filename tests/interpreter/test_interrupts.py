"""Whoever ends a run wakes it from whatever Python waits for."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from httpout_cgi.interpreter import interrupts, lifetime, thread_exceptions
from httpout_cgi.interpreter.run_context import (
    RunAborted,
    RunContext,
    RunInterrupted,
    current,
)
from httpout_cgi.interpreter.standard_stream import StandardStream

from tests.interpreter.script_runs import run_file, save, stand_ins

SECONDS = 10  # a deadline, not a pause


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


HEAD = """\
import _thread, asyncio, queue, signal, subprocess, threading, time
from concurrent import futures
"""

# The end of the interpreter then waits for ever.  Workers need Python 3.10.
KEEPS_LOCKS = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="an interrupted join() keeps a lock (bpo-45274)"
)
# What is taken back (see strike()) comes again.
GO_ON = "\nwhile True: time.sleep(600)"


class Started:
    """A script in a thread of its own; its output comes piece by piece."""

    def __init__(self, tmp_path: Path, source: str) -> None:
        self._path = save(tmp_path / "script.py", source)
        self._pieces: queue.Queue[bytes] = queue.Queue()
        self._runs: list[RunContext] = []
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        # It may strike when all is over.
        with suppress(RunInterrupted, RunAborted):
            self.log = run_file(self._path, watch=self._watch).log

    def _watch(self, run: RunContext, data: bytes) -> None:
        with thread_exceptions.undisturbed():
            self._runs.append(run)
            self._pieces.put(data)

    def read(self) -> str:
        """Return the last line of what was written.

        What was interrupted behind a write takes it for failed, and writes it again.
        """
        return self._pieces.get(timeout=SECONDS).decode().splitlines(True)[-1]

    @property
    def run(self) -> RunContext:
        return self._runs[0]

    def interrupt(self) -> bool:
        assert self.thread.ident
        return interrupts.interrupt(self.run, self.thread.ident)

    def interrupt_until_it_writes(self) -> None:
        """Interrupt it, seldom twice: an interrupt may be taken back (see strike())."""
        while self._pieces.empty() and self.thread.is_alive():
            self.interrupt()
            deadline = time.monotonic() + 2
            while self._pieces.empty() and time.monotonic() < deadline:
                self.thread.join(0.01)

    def end(self) -> None:
        """Interrupt it until it is over, with all its threads."""
        deadline = time.monotonic() + SECONDS
        again = 0.0
        while self.thread.is_alive() or lifetime.has_threads(self.run):
            now = time.monotonic()
            assert now < deadline, "the script goes on"
            if now >= again:
                again = now + 0.3
                if self.thread.is_alive():
                    self.interrupt()
                else:
                    lifetime.end_threads(self.run)
            self.thread.join(0.01)
            if lifetime.has_threads(self.run):
                time.sleep(0.01)


@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param("time.sleep(600)", id="sleep"),
        pytest.param("from time import sleep; sleep(600.5)", id="imported sleep"),
        pytest.param("threading.Event().wait()", id="event"),
        pytest.param("threading.Event().wait(600)", id="event with a limit"),
        pytest.param("queue.Queue().get()", id="queue"),
        pytest.param("futures.Future().result()", id="future"),
        pytest.param("threading.Barrier(2).wait()", id="barrier"),
        pytest.param("threading.Semaphore(0).acquire()", id="semaphore"),
        pytest.param("signal.pause()", id="pause"),
        pytest.param("subprocess.call(['/bin/sleep', '600'])", id="child"),
        pytest.param("while True: len('')", id="work"),
    ],
)
def test_what_waits_is_interrupted(tmp_path: Path, waiting: str) -> None:
    script = Started(
        tmp_path, f"{HEAD}print('ready', flush=True)\nwhile True:\n    {waiting}"
    )
    assert script.read() == "ready\n"
    script.end()
    assert script.run.failure
    assert "RunInterrupted" in script.run.failure


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("asyncio.run(wait_there())", id="asyncio"),
        pytest.param(
            "asyncio.get_event_loop().run_until_complete(wait_there())",
            id="the old idiom of asyncio",
        ),
        pytest.param(
            "t = threading.Thread(target=wait); t.start(); t.join()" + GO_ON,
            id="join",
            marks=KEEPS_LOCKS,
        ),
        pytest.param("threading.Thread(target=wait).start()", id="joined at the end"),
        pytest.param("_thread.start_new_thread(wait, ())" + GO_ON, id="raw thread"),
        pytest.param(
            "with futures.ThreadPoolExecutor() as pool: pool.submit(wait)" + GO_ON,
            id="pool",
            marks=KEEPS_LOCKS,
        ),
    ],
)
def test_threads_and_loops_that_wait_are_interrupted(
    tmp_path: Path, start: str
) -> None:
    script = Started(
        tmp_path,
        f"""{HEAD}
threading.excepthook = lambda args: None
async def wait_there():
    print("ready", flush=True)
    await asyncio.sleep(600)
def wait():
    print("ready", flush=True)
    time.sleep(600)
{start}
""",
    )
    # Not before: an exception for a thread that is starting another one may strike
    # that one (CPython looks for its id, which both have for a moment).
    assert script.read() == "ready\n"
    script.end()
    assert "RunInterrupted" in (script.run.failure or "")


def test_a_bare_except_delays_the_end_only(tmp_path: Path) -> None:
    script = Started(
        tmp_path,
        """
        import time
        for _ in range(3):
            try:
                print("ready", flush=True)
                time.sleep(600)
            except:
                print("swallowed", flush=True)
        time.sleep(600)
        """,
    )
    for _ in range(3):
        assert script.read() == "ready\n"
        script.interrupt_until_it_writes()
        assert script.read() == "swallowed\n"
    script.end()


TELLS = """
from pathlib import Path
import time
class Slow(Exception):
    def __str__(self):
        print("telling", flush=True)
        while not Path("go").exists():
            time.sleep(0.01)
        return "at last"
"""


@pytest.mark.parametrize(
    ("failing", "last"),
    [
        pytest.param(
            "try: raise Slow\n"
            "except Slow:\n    print('ready', flush=True)\n    time.sleep(600)",
            "RunInterrupted",
            id="of an interrupt",
        ),
        pytest.param(
            "print('ready', flush=True); raise Slow", "Slow: at last", id="of another"
        ),
    ],
)
def test_a_report_is_not_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, last: str
) -> None:
    monkeypatch.setattr("httpout_cgi.interpreter.failures._REPORT_SECONDS", 600)
    script = Started(tmp_path, f"{TELLS}\n{failing}")
    assert script.read() == "ready\n"
    if last == "RunInterrupted":
        script.interrupt_until_it_writes()
    assert script.read() == "telling\n"
    assert script.interrupt() is False
    (tmp_path / "go").touch()
    script.thread.join(SECONDS)
    assert script.log[-1].endswith(last)
    assert script.run.failure
    assert script.run.failure.splitlines() == script.log


def test_a_report_has_no_more_than_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("httpout_cgi.interpreter.failures._REPORT_SECONDS", 0.1)
    script = Started(tmp_path, f"{TELLS}\nraise Slow")
    assert script.read() == "telling\n"
    script.end()


def test_a_handler_of_sigterm_is_called_first(tmp_path: Path) -> None:
    script = Started(
        tmp_path,
        """
        import signal, sys, time
        def clean_up(number, frame):
            print("clean", number, frame.f_code.co_name, flush=True)
            sys.exit(7)
        signal.signal(signal.SIGTERM, clean_up)
        def work():
            print("ready", flush=True)
            time.sleep(600)
        work()
        """,
    )
    assert script.read() == "ready\n"
    assert script.interrupt() is False
    assert script.read() == "clean 15 work\n"
    script.thread.join(SECONDS)
    assert script.run.exit_code == 7
    assert script.run.failure is None


def test_a_handler_of_sigterm_that_returns_does_not_save_the_run(
    tmp_path: Path,
) -> None:
    script = Started(
        tmp_path,
        """
        import signal, time
        signal.signal(signal.SIGTERM, lambda *_: print("cleaned", flush=True))
        print("ready", flush=True)
        while True:
            time.sleep(600)
        """,
    )
    assert script.read() == "ready\n"
    script.end()
    assert script.read() == "cleaned\n"
    assert "RunInterrupted" in (script.run.failure or "")


def test_a_handler_of_sigterm_has_no_more_than_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("httpout_cgi.interpreter.run_signals._TERMINATION_SECONDS", 0.1)
    script = Started(
        tmp_path,
        """
        import signal, time
        signal.signal(signal.SIGTERM, lambda *_: time.sleep(600))
        print("ready", flush=True)
        while True:
            time.sleep(600)
        """,
    )
    assert script.read() == "ready\n"
    script.end()
    assert "RunInterrupted" in (script.run.failure or "")


def test_what_is_ours_is_not_interrupted(tmp_path: Path) -> None:
    script = Started(tmp_path, "import time\nprint('a', flush=True)\ntime.sleep(600)")
    assert script.read() == "a\n"
    assert script.thread.ident
    thread_exceptions.in_our_code.add(script.thread.ident)
    try:
        assert not thread_exceptions.strike([script.thread.ident], RunInterrupted)
    finally:
        thread_exceptions.in_our_code.discard(script.thread.ident)
    assert script.thread.is_alive()
    script.end()


def test_a_thread_that_has_gone_is_no_error() -> None:
    thread = threading.Thread(target=str)
    thread.start()
    thread.join()
    assert thread.ident
    assert thread_exceptions.strike([thread.ident], RunInterrupted)


def test_what_comes_within_our_code_is_raised_behind_it() -> None:
    thread_id = threading.get_ident()
    with thread_exceptions.undisturbed():  # nobody is patient
        assert not thread_exceptions.strike([thread_id], RunInterrupted)
    steps = []
    try:
        with thread_exceptions.undisturbed():
            with thread_exceptions.undisturbed():
                strike_in_our_code(thread_id)
                steps.append("inner")
            steps.append("outer")
        steps.append("behind it")
    except RunInterrupted:
        steps.append("interrupted")
    assert steps == ["inner", "outer", "interrupted"]
    thread_exceptions.raise_due(thread_id)


def strike_in_our_code(thread_id: int) -> None:
    assert not thread_exceptions.strike([thread_id], RunInterrupted, is_patient=True)


def test_an_interrupt_waits_while_a_descriptor_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = StandardStream._set

    def set_and_interrupt(stream: StandardStream, descriptor: int) -> None:
        run = current.get()
        assert run
        interrupts.interrupt(run, threading.get_ident())
        original(stream, descriptor)

    monkeypatch.setattr(StandardStream, "_set", set_and_interrupt)
    path = save(tmp_path / "script.py", "import os; os.dup(1); print('too late')")
    result = run_file(path)
    assert "RunInterrupted" in (result.failure or "")
    assert result.text == ""


def test_what_was_due_in_a_run_is_not_raised_in_the_next() -> None:
    thread_id = threading.get_ident()
    with thread_exceptions.undisturbed(is_last=True):
        strike_in_our_code(thread_id)
    thread_exceptions.absorb()
    assert thread_id not in thread_exceptions.due_outside
