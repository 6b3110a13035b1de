"""Run a script in a process of its own, as its ``__main__``, and end as CPython does.

For the child of a pool: descriptors, environment and working directory are real and
set already.  Nothing here stands in for anything.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
import warnings
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any, Callable, Dict, Sequence

from httpout_cgi.interpreter import streams
from httpout_cgi.interpreter.code_cache import CodeCache, Compiled
from httpout_cgi.interpreter.python_variables import VARIABLES, add_variables
from httpout_cgi.interpreter.shebang import Options

# The exit code of CPython where the standard streams cannot be flushed.
_CANNOT_FLUSH = 120


def run_as_main(path: str, arguments: Sequence[str], cache: CodeCache) -> int:
    """Run the script to its end and return the exit code of the process.

    The caller leaves by os._exit(): all else that a process does at its end is done.
    """
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    namespace = main.__dict__
    namespace.update(__file__=path, __cached__=None)
    namespace["__loader__"] = SourceFileLoader("__main__", path)
    namespace["__builtins__"] = sys.modules["builtins"]
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    sys.argv[:] = [path, *arguments]
    open_streams("", is_unbuffered=False)
    code = _attempt(lambda: _run(path, cache, namespace))
    _attempt(threading._shutdown)  # type: ignore[attr-defined]
    _attempt(atexit._run_exitfuncs)
    is_flushed = _flush()
    namespace.clear()
    return code if _flush() and is_flushed else _CANNOT_FLUSH


def _run(path: str, cache: CodeCache, namespace: Dict[str, Any]) -> None:
    compiled = cache.load(path)
    if compiled.options is not None or not os.environ.keys().isdisjoint(VARIABLES):
        compiled = _apply_options(path, compiled, cache)
    exec(compiled.code, namespace)


def _apply_options(path: str, compiled: Compiled, cache: CodeCache) -> Compiled:
    """Do what the shebang and PYTHON* variables ask for; return what is to be run."""
    wanted = compiled.options or Options()
    if wanted.complaint:
        sys.stderr.write(wanted.complaint)
        raise SystemExit(2)
    os.environ.update(wanted.environment)
    if not wanted.ignores_environment:
        wanted = add_variables(wanted, os.environ)
    if wanted.is_unbuffered or wanted.stream_encoding:
        open_streams(wanted.stream_encoding, is_unbuffered=wanted.is_unbuffered)
    if wanted.has_safe_path:
        del sys.path[0]
    sys.path[1:1] = wanted.search_path
    first = ("default",) if wanted.is_development else ()
    sys.warnoptions[:] = [*first, *wanted.warnings]
    warnings._processoptions(sys.warnoptions)  # type: ignore[attr-defined]
    return cache.load(path, level=wanted.optimize) if wanted.optimize else compiled


def open_streams(wanted: str, *, is_unbuffered: bool) -> None:
    """Open sys.stdin, stdout and stderr over descriptors 0 to 2, as CPython does."""
    encoding, _, errors = wanted.partition(":")
    errors = errors or ("strict" if encoding else "surrogateescape")
    encoding = encoding or streams.ENCODING
    source = io.open(0, "rb", closefd=False)
    # Any: io's class has no mode, but CPython sets one.
    text: Any = io.TextIOWrapper(source, encoding, errors, "\n")
    text.mode = "r"
    sys.stdin = sys.__stdin__ = text
    sys.stdout = sys.__stdout__ = _open_output(1, encoding, errors, is_unbuffered)
    sys.stderr = sys.__stderr__ = _open_output(
        2, encoding, "backslashreplace", is_unbuffered
    )


def _open_output(number: int, encoding: str, errors: str, is_unbuffered: bool) -> Any:
    raw: Any = io.open(number, "wb", 0 if is_unbuffered else -1, closefd=False)
    stream = io.TextIOWrapper(
        raw,
        encoding,
        errors,
        "\n",
        line_buffering=number == 2 and not is_unbuffered,
        write_through=is_unbuffered,
    )
    stream.mode = "w"
    return stream


def _attempt(action: Callable[[], object]) -> int:
    """Return the exit code of what ends by itself, by SystemExit or by an exception."""
    try:
        action()
    except SystemExit as exc:
        return _take_exit_code(exc.code)
    except BaseException as exc:
        _report(exc)
        return 1
    return 0


def _take_exit_code(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _report(exc: BaseException) -> None:
    """Call sys.excepthook, without our frames."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    exc.__traceback__ = trace
    sys.excepthook(type(exc), exc, trace)


def _flush() -> bool:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            return False
    return True
