"""What threading shows of a run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    before = threading.main_thread()
    with stand_ins():
        yield
        assert threading.main_thread() is before
        assert all(thread.name != "x" for thread in threading.enumerate())


@pytest.fixture
def untraced_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing else trace the threads that a test starts: coverage would."""
    monkeypatch.setattr(threading, "_trace_hook", None)


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            "m = t.main_thread()\n"
            "print(t.current_thread() is m, m.name, m.daemon, m.is_alive())\n"
            "print(m.ident == t.get_ident(), repr(m)[:12] == '<_MainThread')\n"
            "print(isinstance(m, t._MainThread), t.enumerate() == [m])",
            "True MainThread False True\nTrue True\nTrue True\n",
            id="the main thread",
        ),
        pytest.param(
            "e = t.Event(); one = t.Thread(target=e.wait, name='one'); one.start()\n"
            "print(t.active_count(), [x.name for x in t.enumerate()]); e.set()\n"
            "one.join(); print(t.active_count())",
            "2 ['MainThread', 'one']\n1\n",
            id="the run's own",
        ),
        pytest.param(
            "print(t.Thread().name, t.Thread(name='x').name, t.Thread().name)",
            "Thread-1 x Thread-2\n",
            id="names",
        ),
        pytest.param(
            "for _ in 'ab':\n    with futures.ThreadPoolExecutor() as pool:\n"
            "        print(pool.submit(lambda: t.current_thread().name).result())",
            "ThreadPoolExecutor-0_0\nThreadPoolExecutor-1_0\n",
            id="names of pools",
        ),
        pytest.param(
            "def work():\n"
            "    t.main_thread().join(0); t.main_thread().join(-1); print('limit')\n"
            "    t.main_thread().join(); t.main_thread().join()\n"
            "    print('main is over', t.main_thread().is_alive(),\n"
            "          'stopped' in repr(t.main_thread()), len(t.enumerate()))\n"
            "t.Thread(target=work).start(); print('end')",
            "limit\nend\nmain is over False True 1\n",
            id="waiting for the main thread",
        ),
        pytest.param(
            "try: t.main_thread().join()\nexcept RuntimeError as e: print(e)",
            "cannot join current thread\n",
            id="waiting for oneself",
        ),
        pytest.param(
            "t.excepthook = lambda a: print(a.exc_type.__name__, a.thread.name)\n"
            "x = t.Thread(target=lambda: 1/0, name='x'); x.start(); x.join()",
            "ZeroDivisionError x\n",
            id="excepthook",
        ),
        pytest.param(
            "seen = []\nt.settrace(lambda f, e, a: seen.append(f.f_code.co_name))\n"
            "t.setprofile(lambda f, e, a: None)\n"
            "def work(): print(sys.getprofile() is not None)\n"
            "x = t.Thread(target=work); x.start(); x.join(); print('work' in seen)",
            "True\nTrue\n",
            id="tracing threads",
        ),
        pytest.param(
            "import logging; logging.basicConfig(format='%(threadName)s',"
            " stream=sys.stdout); logging.warning('')",
            "MainThread\n",
            id="logging",
        ),
    ],
)
def test_what_a_script_sees(
    tmp_path: Path, untraced_threads: None, source: str, expected: str
) -> None:
    head = "import sys, threading as t\nfrom concurrent import futures\n"
    result = run(tmp_path, head + source)
    assert result.failure is None
    if "limit" in expected:
        assert sorted(result.text.split("\n")) == sorted(expected.split("\n"))
    else:
        assert result.text == expected


@pytest.mark.skipif(sys.version_info < (3, 10), reason="new in 3.10")
def test_hooks_can_be_asked_for(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "import threading as t\nt.settrace(print)\n"
        "print(t.gettrace() is print, t.getprofile())",
    )
    assert result.text == "True None\n"
    assert threading.gettrace() is not print


def test_old_spellings(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "import threading as t\nprint(t.currentThread().name, t.activeCount())",
    )
    assert result.text == "MainThread 1\n"


def test_a_traceback_of_a_thread_goes_to_its_runs_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from _thread import _excepthook

    monkeypatch.setattr(threading, "excepthook", _excepthook)
    result = run(
        tmp_path, "import threading\nthreading.Thread(target=lambda: 1/0).start()"
    )
    assert result.log[0].startswith("Exception in thread Thread-1")
    assert result.log[-1] == "ZeroDivisionError: division by zero"


def test_outside_of_a_run_threading_counts_on() -> None:
    names = [threading.Thread().name for _ in range(2)]
    assert int(names[1].split("-")[1]) == int(names[0].split("-")[1]) + 1
    with ThreadPoolExecutor() as pool:
        assert pool.submit(threading.current_thread).result() is not None
    assert threading.active_count() == len(threading.enumerate())
