"""Running one script: its module, its end, its failures."""

from __future__ import annotations

import _thread
import atexit
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest

from tests.interpreter.script_runs import Result, run_file, save, stand_ins

Run = Callable[..., Result]

# pytest puts its own in the place of it; Python 3.10 and later keep the original.
_EXCEPTHOOK = getattr(threading, "__excepthook__", threading.excepthook)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def run_source(source: str, **options: object) -> Result:
        path = save(tmp_path / "script.py", source)
        return run_file(path, **options)  # type: ignore[arg-type]  # run_file checks

    with stand_ins():
        yield run_source


def test_the_module_is_what_python_makes_of_a_script(run: Run, tmp_path: Path) -> None:
    result = run(
        """
        '''the docstring'''
        print(__name__, __file__, __doc__, __spec__, __cached__, __package__)
        print(__builtins__.__name__)
        """
    )
    path = tmp_path / "script.py"
    expected = f"__main__ {path} the docstring None None None\nbuiltins\n"
    assert result.text == expected
    assert result.failure is None


def test_no_extra_names_are_in_the_namespace(run: Run) -> None:
    result = run("print(*sorted(name for name in globals() if name[:2] != '__'))")
    assert result.text == "\n"


@pytest.mark.parametrize(
    ("statement", "code", "log"),
    [
        pytest.param("sys.exit()", 0, [], id="nothing"),
        pytest.param("sys.exit(0)", 0, [], id="zero"),
        pytest.param("sys.exit(3)", 3, [], id="number"),
        pytest.param("sys.exit(-1)", 255, [], id="negative"),
        pytest.param("sys.exit(256)", 0, [], id="no byte"),
        pytest.param("sys.exit(2**70)", 255, [], id="no number of C"),
        pytest.param("os._exit(sys.stdout.flush() or -1)", 255, [], id="_exit"),
        pytest.param("sys.exit('so long')", 1, ["so long"], id="message"),
        pytest.param("raise SystemExit", 0, [], id="SystemExit"),
        pytest.param("exit(4)", 4, [], id="exit"),
        pytest.param("quit()", 0, [], id="quit"),
    ],
)
def test_leaving_a_script_keeps_its_output(
    run: Run, statement: str, code: int, log: list[str]
) -> None:
    source = f"import os, sys\nprint('before')\n{statement}\nprint('behind')"
    result = run(source)
    assert result.text == "before\n"
    assert (result.exit_code, result.log, result.failure) == (code, log, None)


@pytest.mark.parametrize(
    "error", ["ValueError('no')", "KeyboardInterrupt", "GeneratorExit"]
)
def test_an_uncaught_exception_is_logged_and_kept(run: Run, error: str) -> None:
    result = run(f"print('before')\nraise {error}")
    assert result.text == "before\n"
    assert result.failure is not None
    assert result.log == result.failure.splitlines()
    assert result.exit_code == 1


def test_a_traceback_shows_only_the_script(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "broken.py", "def fail():\n    1/0\n")
    result = run("import broken\ntry:\n    broken.fail()\nfinally:\n    import nothing")
    assert result.failure is not None
    files = [line for line in result.failure.splitlines() if "File" in line]
    assert all(str(tmp_path) in line for line in files), files
    assert "ZeroDivisionError" in result.failure
    assert "No module named 'nothing'" in result.failure


def test_a_syntax_error_shows_the_line(run: Run) -> None:
    result = run("print('never')\nif\n")
    assert result.text == ""
    assert result.failure is not None
    assert "line 2" in result.failure
    assert "SyntaxError" in result.failure
    assert "Traceback" not in result.failure


def test_a_missing_script_is_a_failure(tmp_path: Path) -> None:
    with stand_ins():
        result = run_file(tmp_path / "nothing.py")
    assert result.failure is not None
    assert "FileNotFoundError" in result.failure


def test_the_hook_of_the_script_gets_the_exception(run: Run) -> None:
    result = run(
        """
        import sys
        def hook(kind, value, trace):
            print("hook", kind.__name__, value, trace.tb_lineno)
        sys.excepthook = hook
        raise LookupError("lost")
        """
    )
    assert result.text == "hook LookupError lost 6\n"
    assert result.log == []
    assert result.failure is not None


def test_cgitb_shows_its_page(run: Run) -> None:
    pytest.importorskip("cgitb")
    result = run("import cgitb\ncgitb.enable()\nraise LookupError('lost')")
    assert "LookupError" in result.text
    assert "A problem occurred in a Python script" in result.text


def test_a_broken_hook_is_reported_with_the_original(run: Run) -> None:
    result = run("import sys\nsys.excepthook = lambda *a: 1/0\nraise KeyError('k')")
    log = "\n".join(result.log)
    assert log.startswith("Error in sys.excepthook:")
    assert "ZeroDivisionError" in log
    assert "KeyError" in log[log.index("Original exception was:") :]


def test_a_hook_may_leave(run: Run) -> None:
    result = run("import sys\nsys.excepthook = lambda *a: sys.exit(7)\n1/0")
    assert result.exit_code == 7


def test_standard_error_may_be_the_page(run: Run) -> None:
    result = run("import sys\nsys.stderr = sys.stdout\nprint('page')\n1/0")
    assert result.text.startswith("page\nTraceback")
    assert result.log == []


def test_exit_callbacks_are_called_last_in_first_out(run: Run) -> None:
    result = run(
        """
        import atexit, sys
        @atexit.register
        def first(): print("first", sys.argv[1:])
        atexit.register(print, "second", end="!\\n")
        atexit.register(print, "never")
        atexit.unregister(first)
        atexit.register(first)
        atexit.register(lambda: 1/0)
        def never(): print("never")
        atexit.register(never)
        atexit.unregister(never)
        print("body")
        """,
        arguments=["word"],
    )
    assert result.text == "body\nfirst ['word']\nnever\nsecond!\n"
    assert result.failure is None
    assert result.log[-1] == "ZeroDivisionError: division by zero"


def test_what_is_no_callable_cannot_be_registered(run: Run) -> None:
    result = run("import atexit\natexit.register(1)")
    assert result.failure is not None
    assert "TypeError" in result.failure


def test_objects_end_while_functions_and_streams_are_there(run: Run) -> None:
    result = run(
        """
        import sys
        def say(text): sys.stdout.write(text)
        class Thing:
            def __del__(self): say("ended\\n")
        thing = Thing()
        print("body")
        """
    )
    assert result.text == "body\nended\n"


def test_os_exit_loses_what_was_not_flushed(run: Run) -> None:
    result = run(
        """
        import atexit, os
        atexit.register(print, "never")
        print("flushed", flush=True)
        print("lost")
        os._exit(3)
        """
    )
    assert result.text == "flushed\n"
    assert (result.exit_code, result.failure, result.log) == (3, None, [])


def test_os_exit_ends_the_output_even_if_swallowed(run: Run) -> None:
    result = run(
        "import os\ntry:\n    os._exit(0)\nexcept:\n    print('x', flush=True)"
    )
    assert result.text == ""


def test_threads_see_the_run_and_are_joined(run: Run) -> None:
    result = run(
        """
        import os, threading, time
        def work():
            time.sleep(0.05)
            print("thread", os.environ["NAME"])
        threading.Thread(target=work).start()
        print("main")
        """,
        environment={"NAME": "value"},
    )
    assert result.text == "main\nthread value\n"


def test_an_exception_in_a_thread_goes_to_the_log(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", _EXCEPTHOOK)
    result = run(
        "import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start()"
    )
    assert result.log[0].startswith("Exception in thread")
    assert result.log[-1] == "ZeroDivisionError: division by zero"
    assert result.failure is None


def test_low_level_threads_see_the_run(run: Run) -> None:
    result = run(
        """
        import _thread, os
        done = _thread.allocate_lock()
        done.acquire()
        def work(name, *, end):
            print(os.environ[name], end=end)
            done.release()
        _thread.start_new_thread(work, ("NAME",), {"end": "!"})
        done.acquire()
        """,
        environment={"NAME": "value"},
    )
    assert result.text == "value!"


def test_pools_of_threads_are_shut_down(run: Run) -> None:
    result = run(
        """
        import os
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        for number in range(4):
            pool.submit(lambda: print(os.environ["NAME"]))
        """,
        environment={"NAME": "value"},
    )
    assert result.text == "value\n" * 4


def test_pools_that_threads_start_late_are_shut_down(run: Run) -> None:
    result = run(
        """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        def work():
            time.sleep(0.05)
            global pool
            pool = ThreadPoolExecutor(1)
            pool.submit(print, "late")
        threading.Thread(target=work).start()
        """
    )
    assert result.text == "late\n"


def test_a_thread_that_the_system_refuses_is_not_waited_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **keywords: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, "_start_new_thread", refuse, raising=False)
    monkeypatch.setattr(threading, "_start_joinable_thread", refuse, raising=False)
    result = run("import threading\nthreading.Thread(target=print).start()")
    assert result.failure is not None
    assert "can't start new thread" in result.failure


def test_a_thread_is_started_once(run: Run) -> None:
    result = run(
        """
        import threading
        thread = threading.Thread(target=print)
        thread.start()
        try:
            thread.start()
        except RuntimeError as exc:
            print(exc)
        """
    )
    assert "threads can only be started once" in result.text


def test_a_context_ends_with_its_run(run: Run) -> None:
    run("import decimal\ndecimal.getcontext().prec = 5")
    result = run("import decimal\nprint(decimal.getcontext().prec)")
    assert result.text == "28\n"


def test_a_quick_script_writes_once(run: Run) -> None:
    result = run("print('a')\nprint('b')")
    assert result.writes == [b"a\nb\n"]


def test_outside_of_runs_exit_callbacks_are_those_of_the_process() -> None:
    def callback() -> None:
        raise AssertionError("unregistered")

    with stand_ins():
        before = atexit._ncallbacks()
        assert atexit.register(callback) is callback
        assert atexit._ncallbacks() == before + 1
        atexit.unregister(callback)


def test_outside_of_runs_threads_are_plain() -> None:
    done = threading.Event()
    with stand_ins():
        _thread.start_new_thread(done.set, ())
        assert done.wait(10)
        thread = threading.Thread(target=done.clear)
        thread.start()
        thread.join()
    assert not done.is_set()


def test_outside_of_runs_os_exit_ends_the_process() -> None:
    source = """
from httpout_cgi.interpreter import context
import os
context.install()
os._exit(5)
"""
    root = Path(__file__).parents[2]
    child = subprocess.run([sys.executable, "-c", source], check=False, cwd=root)
    assert child.returncode == 5
