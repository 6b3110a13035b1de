"""Sleep and processor time of a run."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpout_cgi.interpreter import clocks

from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


CLOCKS = [
    "time.process_time()",
    "time.process_time_ns() / 1e9",
    "time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)",
    "time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID) / 1e9",
    "sum(resource.getrusage(resource.RUSAGE_SELF)[:2])",
    "sum(os.times()[:2])",
]


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_processor_time_of_a_run_begins_with_it(tmp_path: Path, clock: str) -> None:
    """What this thread, and others, did before does not count."""
    run(tmp_path, "import time\ntime.process_time()")
    start = time.thread_time()
    while time.thread_time() < start + 0.2:
        pass
    path = save(
        tmp_path / "script.py",
        f"import os, resource, time\nprint({clock})\n"
        f"while {clock} < 0.05: pass\nprint({clock})",
    )
    clocks.begin()
    first, last = map(float, run_file(path).text.split())
    assert 0 <= first < 0.2 <= time.process_time()
    assert last >= 0.05


def test_a_thread_of_the_run_sees_its_own_work(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        import threading, time
        def work():
            start = time.process_time()
            while time.process_time() < start + 0.02:
                pass
            print("done")
        threading.Thread(target=work).start()
        """,
    )
    assert result.text == "done\n"


def test_the_rest_is_as_it_was(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        import os, resource, time
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(type(usage).__name__, usage.ru_maxrss > 0, type(os.times()).__name__)
        resource.getrusage(resource.RUSAGE_CHILDREN)
        print(time.clock_gettime(time.CLOCK_MONOTONIC) <= time.monotonic())
        """,
    )
    assert result.text == "struct_rusage True times_result\nTrue\n"


@pytest.mark.parametrize(
    ("argument", "error"),
    [("-1", "ValueError"), ("'x'", "TypeError"), ("float('nan')", "ValueError")],
)
def test_sleep_refuses_what_it_refuses(
    tmp_path: Path, argument: str, error: str
) -> None:
    result = run(tmp_path, f"import time\ntime.sleep({argument})")
    assert error in (result.failure or "")


def test_sleep_takes_its_time(tmp_path: Path) -> None:
    started = time.monotonic()
    assert run(tmp_path, "import time\nprint(time.sleep(0), time.sleep(0.05))").text
    assert time.monotonic() - started >= 0.05


def test_outside_of_a_run_clocks_are_those_of_the_process() -> None:
    burnt = threading.Event()

    def burn() -> None:
        start = time.thread_time()
        while time.thread_time() < start + 0.1:
            pass
        burnt.set()

    before, own = time.process_time(), time.thread_time()
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    assert burnt.is_set()
    assert time.process_time() - before > time.thread_time() - own
    assert sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) > 0
