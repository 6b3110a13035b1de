"""Run one Python script here and now, and end it as CPython ends a process."""

from __future__ import annotations

import contextvars
import os
import sys
import traceback
from types import ModuleType, TracebackType
from typing import Any, Callable, Optional

from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.run_context import RunContext, current
from httpout_cgi.interpreter.streams import flush_all

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))


class RunInterrupted(BaseException):
    """Raised in a script's thread by whoever ends the run; ``except:`` may delay it."""


class RunAborted(BaseException):
    """What os._exit() raises: the run is over, unflushed output is lost."""


def execute(
    run: RunContext, cache: CodeCache, stat: Optional[os.stat_result] = None
) -> None:
    """Run the script to its end, in a context of its own; never raises on purpose.

    ``stat`` is what was seen at the script's path a moment ago.  RunInterrupted,
    raised from another thread, may strike at any point and leave.
    """
    # An empty context: decimal's settings and the like end with the run as well.
    contextvars.Context().run(_execute, run, cache, stat)


def _execute(run: RunContext, cache: CodeCache, stat: Optional[os.stat_result]) -> None:
    current.set(run)
    run.main = main = ModuleType("__main__")
    namespace = main.__dict__
    namespace["__builtins__"] = sys.modules["builtins"]
    namespace["__file__"] = run.script_path
    namespace["__cached__"] = None
    try:
        _attempt(run, lambda: exec(cache.load(run.script_path, stat), namespace))
        if "threads" in run.__dict__:
            _attempt(run, lambda: _join_threads(run))
        if "exit_callbacks" in run.__dict__:
            _call_exit_callbacks(run)
    finally:
        _finish(run)


def _attempt(run: RunContext, action: Callable[[], object]) -> None:
    """Do something on the script's behalf; what it raises is reported and over."""
    try:
        action()
    except SystemExit as exc:
        _take_exit_code(run, exc.code)
    except RunAborted:
        run.is_aborted = True
        run.raw_output.mute()
    except BaseException as exc:  # a script may raise anything, even GeneratorExit
        _report(run, exc)


def _take_exit_code(run: RunContext, code: object) -> None:
    if code is None or isinstance(code, int):
        run.exit_code = int(code or 0)
        return
    run.exit_code = 1
    _print_error(run, f"{code}\n")


def _report(run: RunContext, exc: BaseException) -> None:
    """Tell the script's hook, and keep the text for the administrator."""
    trace = exc.__traceback__
    while trace is not None and _is_own(trace):
        trace = trace.tb_next
    exc.__traceback__ = trace
    run.exit_code = 1
    run.failure = "".join(traceback.format_exception(type(exc), exc, trace))
    hook = run.excepthook
    if hook is sys.__excepthook__ or isinstance(exc, RunInterrupted):
        _print_error(run, run.failure)
        return
    try:
        hook(type(exc), exc, trace)
    except SystemExit as left:
        _take_exit_code(run, left.code)
    except Exception:
        broken = traceback.format_exc()
        _print_error(run, f"Error in sys.excepthook:\n{broken}\n")
        _print_error(run, f"Original exception was:\n{run.failure}")


def _is_own(trace: TracebackType) -> bool:
    return os.path.dirname(trace.tb_frame.f_code.co_filename) == _OWN_FOLDER


def _print_error(run: RunContext, text: str) -> None:
    try:
        run.stderr.write(text)
    except (OSError, ValueError, AttributeError):
        # The script closed or replaced its standard error: nobody to tell.
        return


def _join_threads(run: RunContext) -> None:
    # With a time limit, for a thread that blocks for good cannot be interrupted.
    for thread in run.threads:
        while thread.is_alive() and not thread.daemon:
            thread.join(0.2)


def _call_exit_callbacks(run: RunContext) -> None:
    callbacks = run.exit_callbacks
    while callbacks:
        function, arguments, keywords = callbacks.pop()
        _attempt(run, lambda: function(*arguments, **keywords))  # noqa: B023 - now


def _finish(run: RunContext) -> None:
    """Flush the streams and let go of everything that the script made."""
    run.is_ending = True
    _flush(run)
    if run.main is not None:
        _clear(run.main.__dict__)
        _flush(run)
    if "initial_stderr" in run.__dict__:
        flush_all([run.stderr, run.initial_stderr])
        run.initial_stderr.close()


def _flush(run: RunContext) -> None:
    text = run.initial_stdout
    if run.stdout is text:
        flush_all([text])
    else:
        flush_all([run.stdout, text])
    flush_all([run.output_buffer])


# Any: a module's namespace.
def _clear(namespace: dict[str, Any]) -> None:
    """Drop objects first, so that their __del__ still finds functions and modules."""
    for name, value in list(namespace.items()):
        if not callable(value) and not isinstance(value, ModuleType):
            namespace[name] = None
    namespace.clear()
