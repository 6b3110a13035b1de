"""Scripts fail as they do under CPython: the same log, the same page."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.interpreter.script_runs import run_file, save, stand_ins

DEL = """
        import sys
        class A:
            def __del__(self): 1 / 0
        A.__del__.__qualname__ = "del"
        {}
        A()
        """
CASES = {
    "plain": "1 / 0",
    "in functions": """
        def one(): two()
        def two(): raise ValueError("here")
        one()
        """,
    "own class": """
        class Mine(Exception): pass
        raise Mine("a", 2)
        """,
    "no message": "raise KeyError",
    "many lines": "raise ValueError('a\\nb\\n')",
    "caused": """
        try:
            {}["x"]
        except KeyError as exc:
            raise ValueError("y") from exc
        """,
    "during another": """
        try:
            {}["x"]
        except KeyError:
            int("y")
        """,
    "from None": """
        try:
            {}["x"]
        except KeyError:
            raise ValueError("y") from None
        """,
    "in a cycle": """
        one, two = ValueError(1), ValueError(2)
        one.__cause__, two.__cause__ = two, one
        raise one
        """,
    "str fails": """
        class Mine(Exception):
            def __str__(self): raise RuntimeError
        raise Mine
        """,
    "str exits": """
        class Mine(Exception):
            def __str__(self): raise SystemExit(5)
        raise Mine
        """,
    "odd syntax error": "raise SyntaxError('x', ('file', 'line', None, 5))",
    "syntax error of another file": "compile('x = = 1', 'other.py', 'exec')",
    "syntax error": "print(1)\nx = = 1",
    "exec": "exec('1 / 0')",
    "eval": "eval('1 /// 0')",
    "not an exception": "raise 5",
    "keyboard": "raise KeyboardInterrupt",
    "generator exit": "raise GeneratorExit",
    "base": "raise BaseException('b')",
    "memory": "x = 'a' * 2**62",
    "broken pipe": "raise BrokenPipeError(32, 'x')",
    "unicode": "raise ValueError('\\xe9\\u20ac\\udcff')",
    "limit": "import sys; sys.tracebacklimit = 1\ndef f(): 1 / 0\nf()",
    "no frames": "import sys; sys.tracebacklimit = 0\ndef f(): 1 / 0\nf()",
    "hook": """
        import sys
        def hook(kind, exc, trace):
            print(kind.__name__, exc, trace.tb_lineno, trace.tb_next)
        sys.excepthook = hook
        1 / 0
        """,
    "hook and default hook": """
        import sys
        def hook(*args):
            print("page")
            sys.__excepthook__(*args)
        sys.excepthook = hook
        1 / 0
        """,
    "hook fails": """
        import sys
        def hook(*args): None.x
        sys.excepthook = hook
        1 / 0
        """,
    "hook exits": """
        import sys
        sys.excepthook = lambda *args: sys.exit(4)
        1 / 0
        """,
    "hook is None": "import sys; sys.excepthook = None; 1 / 0",
    "hook is deleted": "import sys; del sys.excepthook; 1 / 0",
    "print_exc": """
        import traceback
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
            print(traceback.format_exc())
        """,
    "indentation": "print(1)\n  print(2)",
    "print_exc of an import": """
        import traceback
        try:
            import nothing_of_that_name
        except ImportError:
            traceback.print_exc()
        """,
    "print_stack": """
        import traceback
        def f():
            traceback.print_stack()
            print(len(traceback.extract_stack()), traceback.format_stack())
        f()
        """,
    "inspect.stack": """
        import inspect
        def f():
            print([frame.function for frame in inspect.stack()])
            print(len(inspect.getouterframes(inspect.currentframe())))
        f()
        """,
    "inspect.trace": """
        import inspect
        try:
            1 / 0
        except ZeroDivisionError:
            print([frame.function for frame in inspect.trace()])
        """,
    "logging.exception": """
        import logging
        try:
            1 / 0
        except ZeroDivisionError:
            logging.exception("oops")
        """,
    "thread hook": """
        import threading
        threading.excepthook = lambda args: print(args.exc_type, args.thread.name)
        thread = threading.Thread(target=lambda: 1 / 0, name="worker")
        thread.start(); thread.join()
        """,
    "raw thread": """
        import _thread, sys
        lock = _thread.allocate_lock(); lock.acquire()
        def hook(args):
            print(args.exc_type, args.err_msg, args.object)
            lock.release()
        sys.unraisablehook = hook
        def work(): 1 / 0
        _thread.start_new_thread(work, ())
        lock.acquire()
        """,
    "unraisable": """
        class A:
            def __del__(self): 1 / 0
            def __repr__(self): return "<A>"
        A.__del__.__qualname__ = "del"
        A()
        print("went on")
        """,
    "unraisable hook": """
        import sys
        def hook(args): print(args.exc_type, args.err_msg, args.exc_value)
        sys.unraisablehook = hook
        class A:
            def __del__(self): 1 / 0
        A()
        """,
    "unraisable hook fails": """
        import sys
        def hook(args): None.x
        sys.unraisablehook = hook
        class A:
            def __del__(self): 1 / 0
        A()
        """,
    "unraisable hook calls the default": """
        import sys
        sys.unraisablehook = lambda args: sys.__unraisablehook__(args)
        class A:
            def __del__(self): 1 / 0
        A.__del__.__qualname__ = "del"
        A()
        """,
    "unraisable hook is None": DEL.format("sys.unraisablehook = None"),
    "unraisable hook is deleted": DEL.format("del sys.unraisablehook"),
    "unraisable without stderr": DEL.format("sys.stderr = None"),
    "unraisable hook is deleted twice": """
        import sys
        print(sys.unraisablehook is sys.__unraisablehook__)
        del sys.unraisablehook
        print(hasattr(sys, "unraisablehook"))
        try:
            del sys.unraisablehook
        except AttributeError:
            print("once")
        """,
    "hook is deleted twice": """
        import sys
        del sys.excepthook
        print(hasattr(sys, "excepthook"))
        try:
            del sys.excepthook
        except AttributeError:
            print("once")
        sys.excepthook = sys.__excepthook__
        1 / 0
        """,
    "hook exits with a message": """
        import sys
        sys.excepthook = lambda *args: sys.exit("bye")
        1 / 0
        """,
    "exit object without text": """
        import sys
        class A:
            def __str__(self): 1 / 0
        sys.exit(A())
        """,
    "atexit exits": "import atexit, sys; atexit.register(sys.exit, 4)",
    "atexit and a hook": """
        import atexit, sys
        def hook(args): print(args.exc_type, args.err_msg, args.exc_traceback.tb_lineno)
        sys.unraisablehook = hook
        atexit.register(lambda: 1 / 0)
        """,
    "atexit and a hook that fails": """
        import atexit, sys
        sys.unraisablehook = lambda args: args.nothing
        atexit.register(lambda: 1 / 0)
        """,
    "atexit with a cause": """
        import atexit
        def callback():
            try:
                1 / 0
            except ZeroDivisionError:
                raise ValueError
        atexit.register(callback)
        """,
    "stacks of others": """
        import inspect, sys, traceback
        def names(frames): return [frame.f_code.co_name for frame, _ in frames]
        def f():
            print(names(traceback.walk_stack(sys._getframe())))
            print(names(traceback.walk_stack(None))[-1:] in (["<module>"], []))
            try:
                1 / 0
            except ZeroDivisionError as exc:
                print(names(traceback.walk_tb(exc.__traceback__)))
                print(len(inspect.getinnerframes(exc.__traceback__)))
        f()
        """,
    "atexit": "import atexit; atexit.register(lambda: 1 / 0)",
    "stderr is the page": "import sys; sys.stderr = sys.stdout; 1 / 0",
    "stderr is None": "import sys; sys.stderr = None; 1 / 0",
    "exit message": "import sys; sys.exit('so long')",
    "exit object": "import sys; sys.exit(['a', 1])",
    "exit message with stderr None": "import sys; sys.stderr = None; sys.exit('x')",
    "cgitb": """
        import warnings
        warnings.simplefilter("ignore")
        import cgitb
        cgitb.enable(format="text")
        x = 5
        1 / 0
        """,
    "cgitb.handler": """
        import warnings
        warnings.simplefilter("ignore")
        import cgitb
        cgitb.enable(format="text")
        try:
            1 / 0
        except ZeroDivisionError:
            cgitb.handler()
        """,
    "input": "input('name? ')",
    "breakpoint": "import pdb; pdb.Pdb().set_trace()",
    "getpass": "import getpass; getpass.getpass()",
}
if sys.version_info >= (3, 13):
    del CASES["cgitb"], CASES["cgitb.handler"]
    # CPython fails over it; we do not.
    del CASES["odd syntax error"], CASES["exit object without text"]
if sys.version_info >= (3, 11):
    CASES["group"] = """
        one, two = ValueError(1), ExceptionGroup("x", [KeyError(2)])
        raise ExceptionGroup("many", [one, two])
        """
    CASES["notes"] = """
        exc = ValueError("x")
        exc.add_note("a note")
        raise exc
        """
    CASES["except star"] = """
        try:
            raise ExceptionGroup("many", [ValueError(1), KeyError(2)])
        except* ValueError:
            print("values")
        """


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Imported by a test, it would be bound to the standard output of pytest.
    monkeypatch.delitem(sys.modules, "cgitb", raising=False)
    tracer = sys.gettrace()
    with stand_ins():
        yield
    # A debugger leaves none; with the server, the runner sees to it.
    sys.settrace(tracer)


@pytest.mark.parametrize("name", CASES)
def test_it_fails_as_under_cpython(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / "script.py", CASES[name])
    child = subprocess.run(
        [sys.executable, str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=str(tmp_path),
        env={},
        timeout=20,
        check=False,
    )
    result = run_file(path)
    text, log = child.stdout.decode("utf-8", "surrogateescape"), child.stderr.decode()
    assert mask(result.text) == mask(text)
    assert [mask(line) for line in result.log] == mask(log).splitlines()
    # A KeyboardInterrupt ends a process by its signal.
    assert result.exit_code == abs(child.returncode) or name == "keyboard"


def mask(text: str) -> str:
    """Leave out what differs from process to process, and before Python 3.10."""
    text = re.sub(r"0x[0-9a-f]+|\d\d:\d\d:\d\d", "?", text)
    return text.replace("__main__.Mine", "Mine")


def test_outside_of_runs_hooks_are_those_of_the_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found: List[object] = []
    before = sys.unraisablehook
    sys.unraisablehook = found.append
    try:
        assert sys.unraisablehook == found.append

        class Broken:
            def __del__(self) -> None:
                1 / 0  # noqa: B018

        Broken()
    finally:
        sys.unraisablehook = before
    assert len(found) == 1
    traceback.print_stack()
    assert "test_failures.py" in capsys.readouterr().err
    assert inspect.stack()[0].function.startswith("test_outside")
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        assert len(inspect.trace()) == 1
        assert "test_failures.py" in traceback.format_exc()
