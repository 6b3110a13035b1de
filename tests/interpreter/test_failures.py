"""Scripts fail as they do under CPython: the same log, the same page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from tests.interpreter.script_runs import run_file, save, stand_ins

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
    del CASES["odd syntax error"]
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
    with stand_ins():
        yield


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
