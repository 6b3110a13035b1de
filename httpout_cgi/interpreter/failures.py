"""How a script fails: its exit code, its traceback, its sys.excepthook."""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType
from typing import List, Optional

from httpout_cgi.interpreter.run_context import RunContext, RunInterrupted

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


def take_exit_code(run: RunContext, code: object) -> None:
    """Take what sys.exit() was given: a number, nothing, or a last message."""
    if code is None or isinstance(code, int):
        number = int(code or 0)
        # What a parent process learns of it; CPython takes -1 for what is no C long.
        run.exit_code = number & 0xFF if -(2**63) <= number < 2**63 else 0xFF
        return
    run.exit_code = 1
    _print_error(run, f"{code}\n")


def report(run: RunContext, exc: BaseException) -> None:
    """Tell the script's hook, and keep the text for an administrator."""
    run.exit_code = 1
    if run.is_reader_gone and isinstance(exc, BrokenPipeError):
        return  # the client has left: nothing failed, and nobody reads
    _hide_own_frames(exc)
    trace = exc.__traceback__
    run.failure = "".join(traceback.format_exception(type(exc), exc, trace))
    hook = run.excepthook
    if hook is sys.__excepthook__ or isinstance(exc, RunInterrupted):
        _print_error(run, run.failure)
        return
    try:
        hook(type(exc), exc, trace)
    except SystemExit as left:
        take_exit_code(run, left.code)
    except BaseException as broken:
        if isinstance(broken, RunInterrupted):
            raise
        _hide_own_frames(broken)
        broken.__context__ = None
        text = "".join(
            traceback.format_exception(type(broken), broken, broken.__traceback__)
        )
        _print_error(run, f"Error in sys.excepthook:\n{text}\n")
        _print_error(run, f"Original exception was:\n{run.failure}")


def _print_error(run: RunContext, text: str) -> None:
    try:
        run.stderr.write(text)
    except (OSError, ValueError, AttributeError):
        # The script closed or replaced its standard error: nobody to tell.
        return


def _hide_own_frames(exc: BaseException) -> None:
    """Take our frames out of the tracebacks of an exception and of its causes."""
    todo: List[Optional[BaseException]] = [exc]
    seen = set()
    while todo:
        link = todo.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = _without_own_frames(link.__traceback__)
            todo += [link.__cause__, link.__context__]


def _without_own_frames(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    kept: List[TracebackType] = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
            kept.append(trace)
        trace = trace.tb_next
    result: Optional[TracebackType] = None
    for link in reversed(kept):
        result = TracebackType(result, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return result
