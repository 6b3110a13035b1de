"""How a script fails: its exit code, its traceback, its sys.excepthook."""

from __future__ import annotations

import sys
import traceback
from time import monotonic
from typing import Any, Callable

from httpout_cgi.interpreter.own_tracebacks import hide_own_frames
from httpout_cgi.interpreter.run_context import RunAborted, RunContext, RunInterrupted

# So long an interrupt waits for a report.  It takes milliseconds, unless the machine is
# busy, or a method of what was raised does not return.
_REPORT_SECONDS = 3.0


def attempt(run: RunContext, action: Callable[[], object]) -> None:
    """Do something on the script's behalf; what it raises is reported, and over."""
    try:
        action()
    except SystemExit as exc:
        take_exit_code(run, exc.code)
    except RunAborted:
        pass  # os._exit() has seen to everything
    except BaseException as exc:  # a script may raise anything, even GeneratorExit
        # Before any call, where the next interrupt could strike: nobody would learn of
        # the one before.
        run.is_reporting = True
        report(run, exc)


def take_exit_code(run: RunContext, code: object) -> None:
    """Take what sys.exit() was given: a number, nothing, or a last message."""
    if run.page is not None:
        run.page.take_exit(code)
    elif code is not None and not isinstance(code, int):
        # CPython writes to the process' own where the script has none.
        stream = run.initial_stderr if run.stderr is None else run.stderr
        write_to(stream, f"{text_of(code, '')}\n")
    if code is None or isinstance(code, int):
        number = int(code or 0)
        # What a parent process learns of it; CPython takes -1 for what is no C long.
        run.exit_code = number & 0xFF if -(2**63) <= number < 2**63 else 0xFF
        return
    run.exit_code = 1


def report(run: RunContext, exc: BaseException) -> None:
    """Tell the script's hook, and keep the text for an administrator."""
    run.exit_code = 1
    try:
        is_told = _report_here(run, exc)
    finally:
        run.is_reporting = False
        run.reporting_until = None
    if not is_told:
        _call_hook(run, sys.excepthook, exc)


def is_reporting(run: RunContext) -> bool:
    """Tell whether the script's failure is being reported, and there is time left.

    Called from outside of the run, again and again.
    """
    if not run.is_reporting:
        return False
    if run.reporting_until is None:
        run.reporting_until = monotonic() + _REPORT_SECONDS
    return monotonic() < run.reporting_until


def _report_here(run: RunContext, exc: BaseException) -> bool:
    """Keep the text; print it, and return True, unless the script has a hook for it."""
    if run.is_reader_gone and isinstance(exc, BrokenPipeError):
        return True  # the client has left: nothing failed, and nobody reads
    hide_own_frames(exc)
    run.failure = format_exception(exc)
    hook = getattr(sys, "excepthook", None)
    if hook is sys.__excepthook__ or isinstance(exc, RunInterrupted):
        _print_error(run, run.failure)
        if run.page is not None:
            run.page.show_failure(exc, run.failure)
        return True
    if hook is None and not hasattr(sys, "excepthook"):
        _print_error(run, f"sys.excepthook is missing\n{run.failure}")
        return True
    return False


# Any: a script may call anything a hook.
def _call_hook(run: RunContext, hook: Any, exc: BaseException) -> None:
    try:
        hook(type(exc), exc, exc.__traceback__)
    except SystemExit as left:
        take_exit_code(run, left.code)
    except (RunInterrupted, RunAborted):
        raise
    except BaseException as broken:
        hide_own_frames(broken)
        broken.__context__ = None
        text = format_exception(broken)
        _print_error(run, f"Error in sys.excepthook:\n{text}\n")
        _print_error(run, f"Original exception was:\n{run.failure}")


def format_exception(exc: BaseException) -> str:
    """Return the text that CPython prints, whatever the exception is like."""
    limit = getattr(sys, "tracebacklimit", None)
    if not isinstance(limit, int) or limit <= 0:
        limit = None  # as traceback itself understands it
    trace = exc.__traceback__
    try:
        # The interpreter shows the last frames; traceback would show the first.
        last = None if limit is None else -limit
        return "".join(traceback.format_exception(type(exc), exc, trace, last))
    except Exception:  # a script may put anything into an exception
        frames = "".join(traceback.format_tb(trace))
        heading = "Traceback (most recent call last):\n"
        text = text_of(exc, "<exception str() failed>")
        return f"{heading}{frames}{type(exc).__name__}: {text}\n"


def text_of(value: object, otherwise: str) -> str:
    """Return str() of what a script has made."""
    try:
        return str(value)
    except Exception:
        return otherwise


def _print_error(run: RunContext, text: str) -> None:
    write_to(run.stderr, text)


def write_to(stream: Any, text: str) -> None:
    """Write to a stream that the script may have closed or replaced."""
    try:
        stream.write(text)
    except (OSError, ValueError, AttributeError):
        # Nobody to tell.
        return
