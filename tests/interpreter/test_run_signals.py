"""Signals that a script sends itself, handles and waits for reach nobody else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpout_cgi.interpreter.run_context import RunContext

from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in signal.Signals}
    with stand_ins():
        yield
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            "print(s.signal(14, print) == s.SIG_DFL, s.getsignal(14) is print)",
            "True True\n",
            id="what was set is got",
        ),
        pytest.param(
            "print(s.getsignal(2) is s.default_int_handler,"
            " s.getsignal(13) == s.SIG_IGN, s.getsignal(15) == s.SIG_DFL)",
            "True True True\n",
            id="as Python starts",
        ),
        pytest.param(
            "s.signal(10, lambda n, f: print(n, f.f_code.co_name, type(n).__name__))\n"
            "s.raise_signal(s.SIGUSR1); os.kill(os.getpid(), 10)\n"
            "s.pthread_kill(t.get_ident(), 10); s.pthread_kill(t.get_ident(), 0)",
            "10 <module> int\n" * 3,
            id="a handler is called here",
        ),
        pytest.param(
            "try: s.raise_signal(2)\nexcept KeyboardInterrupt: print('^C')",
            "^C\n",
            id="SIGINT",
        ),
        pytest.param(
            "s.signal(17, s.SIG_IGN); s.signal(13, s.SIG_IGN); s.siginterrupt(17, 1)\n"
            "for n in (13, 17, 18, 23, 28): s.raise_signal(n)\nprint('on')",
            "on\n",
            id="harmless ones",
        ),
        pytest.param(
            "import _signal\n_signal.signal(10, print)\n"
            "print(s.getsignal(10) is print, _signal.getsignal(10) is print)",
            "True True\n",
            id="in C",
        ),
        pytest.param(
            "class TooSlow(Exception): pass\n"
            "def stop(n, f): raise TooSlow('for', n)\n"
            "s.signal(14, stop)\n"
            "try: s.setitimer(0, 0.01); time.sleep(60)\n"
            "except TooSlow as e: print(type(e).__name__, e.args)",
            "TooSlow ('for', 14)\n",
            id="an alarm wakes a sleeper",
        ),
        pytest.param(
            "class TooSlow(Exception): pass\n"
            "def stop(n, f): raise TooSlow(f.f_code.co_name)\n"
            "def work():\n    s.setitimer(0, 0.01)\n    while True: len('')\n"
            "s.signal(14, stop)\n"
            "try: work()\nexcept TooSlow as e: print(e)",
            "work\n",
            id="an alarm ends work",
        ),
        pytest.param(
            "class Closed(type):\n    def __new__(m, n, b, d):\n"
            "        assert b == (Exception,); return super().__new__(m, n, b, d)\n"
            "class Last(Exception, metaclass=Closed): pass\n"
            "def stop(n, f): raise Last()\ns.signal(14, stop)\n"
            "try: s.setitimer(0, 0.01); time.sleep(60)\n"
            "except Last as e: print('caught')",
            "caught\n",
            id="an exception whose class has no heirs",
        ),
        pytest.param(
            # Again and again: the first may come before the pause.
            "n = []\ns.signal(14, lambda *a: n.append(1)); s.setitimer(0, 0.01, 0.1)\n"
            "s.pause(); s.setitimer(0, 0); print(n[0])",
            "1\n",
            id="pause",
        ),
        pytest.param(
            "n = []\ns.signal(14, lambda *a: n.append(1)); s.setitimer(0, 0.01, 0.01)\n"
            "while len(n) < 3: time.sleep(0.005)\n"
            "print(s.setitimer(0, 0)[1], s.getitimer(0))",
            "0.01 (0.0, 0.0)\n",
            id="again and again",
        ),
        pytest.param(
            "print(s.alarm(10), s.alarm(20), s.alarm(0), s.alarm(0))\n"
            "s.setitimer(0, 0.4); print(s.getitimer(0)[0] > 0, s.alarm(0))",
            "0 10 20 0\nTrue 1\n",
            id="what remains of an alarm",
        ),
        pytest.param(
            "e = t.Event()\ns.signal(10, lambda n, f: print(f.f_code.co_name == 'wait',"
            " t.current_thread().name))\n"
            "def work():\n    os.kill(os.getpid(), 10); e.set()\n"
            "t.Thread(target=work).start(); e.wait()",
            "True Thread-1 (work)\n",
            id="from another thread",
        ),
    ],
)
def test_signals_of_a_script(tmp_path: Path, source: str, expected: str) -> None:
    head = "import os, signal as s, threading as t, time\n"
    result = run(tmp_path, head + source)
    assert result.failure is None
    # Before Python 3.10, threads have no words in their names.
    assert result.text.replace("Thread-1\n", "Thread-1 (work)\n") == expected


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("os.abort()", -6),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("os.kill(os.getpid(), signal.SIGTERM)", -15),
        ("signal.raise_signal(signal.SIGTERM)", -15),
        ("signal.signal(2, signal.SIG_DFL); signal.raise_signal(2)", -2),
        ("signal.setitimer(0, 0.01); time.sleep(60)", -14),
        ("signal.setitimer(0, 0.01); threading.Event().wait()", -14),
        ("import posix; posix.abort()", -6),
    ],
)
def test_what_kills_a_process_ends_the_run(
    tmp_path: Path, statement: str, code: int
) -> None:
    result = run(
        tmp_path,
        f"""
        import os, signal, sys, threading, time, atexit
        atexit.register(lambda: print("never", flush=True))
        print("kept", flush=True)
        print("lost")
        try:
            {statement}
        except Exception:
            print("never", flush=True)
        print("never", flush=True)
        """,
    )
    assert result.text == "kept\n"
    assert result.exit_code == code
    assert result.failure is None


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("signal.signal(0, print)", "ValueError: signal number out of range"),
        ("signal.signal(999, print)", "ValueError"),
        ("signal.getsignal(999)", "ValueError: signal number out of range"),
        ("signal.siginterrupt(0, True)", "ValueError"),
        ("signal.signal(10, 7)", "TypeError: signal handler must be"),
        ("signal.signal(10, None)", "TypeError: signal handler must be"),
        ("signal.signal(9, print)", "OSError: [Errno 22] Invalid argument"),
        ("signal.raise_signal(999)", "OSError: [Errno 22] Invalid argument"),
        ("os.kill(os.getpid(), 999)", "OSError: [Errno 22] Invalid argument"),
        ("signal.setitimer(0, -1)", "[Errno 22] Invalid argument"),
        ("signal.alarm('x')", "TypeError"),
        ("signal.setitimer(1, 1)", "ProcessNeededError"),
        ("signal.getitimer(2)", "ProcessNeededError"),
        ("signal.pthread_kill(1, 15)", "ProcessNeededError"),
        ("signal.raise_signal(signal.SIGSTOP)", "ProcessNeededError"),
        ("os.kill(os.getppid(), 1)", "ProcessNeededError"),
        ("os.kill(0, 15)", "ProcessNeededError"),
        ("os.kill(-1, 15)", "ProcessNeededError"),
        ("os.kill(-os.getpgrp(), 15)", "ProcessNeededError"),
        ("os.killpg(os.getpgrp(), 15)", "ProcessNeededError"),
        ("os.killpg(0, 15)", "ProcessNeededError"),
    ],
)
def test_what_is_refused(tmp_path: Path, statement: str, error: str) -> None:
    result = run(tmp_path, f"import os, signal\n{statement}")
    assert error in (result.failure or "nothing")


def test_handlers_are_set_in_the_main_thread_only(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        import signal, threading
        def work():
            try:
                signal.signal(10, print)
            except ValueError as exc:
                print(exc)
        threading.Thread(target=work).start()
        """,
    )
    assert result.text.startswith("signal only works in main thread")


def test_other_processes_can_be_signalled(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        import os, signal, subprocess
        os.kill(os.getpid(), 0); os.kill(os.getppid(), 0); os.killpg(os.getpgrp(), 0)
        with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as child:
            os.killpg(child.pid, signal.SIGTERM)
        with subprocess.Popen(["/bin/sleep", "60"]) as other:
            os.kill(other.pid, signal.SIGTERM)
        print(child.returncode, other.returncode)
        """,
    )
    assert result.text == "-15 -15\n"


def test_what_a_handler_of_an_alarm_leaves_the_script_with(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        import signal, sys, time
        print("kept")
        signal.signal(signal.SIGALRM, lambda *_: sys.exit("too slow"))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while True:
            time.sleep(60)
        """,
    )
    assert result.text == "kept\n"
    assert result.log == ["too slow"]
    assert result.exit_code == 1
    assert result.failure is None


def test_an_alarm_ends_with_its_run(tmp_path: Path) -> None:
    path = save(
        tmp_path / "script.py",
        """
        import signal
        signal.signal(signal.SIGALRM, lambda *_: open("rang", "w").close())
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        """,
    )
    assert run_file(path).failure is None
    again = "import time\ntime.sleep(0.6)\nprint('undisturbed')"
    assert run(tmp_path, again).text == "undisturbed\n"
    assert not (tmp_path / "rang").exists()


@pytest.mark.parametrize("action", ["SIG_DFL", "SIG_IGN"])
def test_sigpipe_by_default_ends_a_run_without_a_word(
    tmp_path: Path, action: str
) -> None:
    path = save(
        tmp_path / "script.py",
        f"""
        import signal
        signal.signal(signal.SIGPIPE, signal.{action})
        try:
            print("to nobody", flush=True)
        except BrokenPipeError:
            open("told", "w").close()
        """,
    )

    def leave(run: RunContext, data: bytes) -> None:
        raise BrokenPipeError

    result = run_file(path, watch=leave)
    assert (tmp_path / "told").exists() is (action == "SIG_IGN")
    assert result.exit_code == (-13 if action == "SIG_DFL" else 0)


def test_outside_of_a_run_signals_are_real() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert received == [signal.SIGUSR1]
    assert signal.alarm(0) == 0
