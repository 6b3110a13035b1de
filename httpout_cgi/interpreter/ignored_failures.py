"""Failures that end nothing: in __del__, in atexit callbacks, in raw threads.

CPython hands them to sys.unraisablehook, which each run has for itself.  And
sys.excepthook can be deleted.
"""

from __future__ import annotations

import sys
import traceback
from types import ModuleType, SimpleNamespace
from typing import Any, Callable, Dict, List

from httpout_cgi.interpreter.failures import format_exception
from httpout_cgi.interpreter.own_tracebacks import hide_own_frames
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunAborted,
    RunContext,
    RunInterrupted,
    current,
    current_for_changes,
    process,
    undoing,
)

_NAME = "unraisablehook"
_DELETED = object()
_IS_NEW = sys.version_info >= (3, 13)

# Any, in this file: a script may call anything a hook.
_assigned: PerRun[Dict[str, Any]] = PerRun(lambda run: {})


class UnraisableHookArgs(SimpleNamespace):
    """What a hook is given; CPython's own class makes no instances."""


def call_at_exit(
    run: RunContext, function: Any, *arguments: Any, **keywords: Any
) -> None:
    """Call what atexit.register() was given."""
    try:
        function(*arguments, **keywords)
    except (RunAborted, RunInterrupted):
        raise
    except BaseException as exc:
        if sys.version_info >= (3, 10):
            _handle(run, exc, "in atexit callback", function)
        elif not isinstance(exc, SystemExit):  # pragma: no cover - before 3.10
            hide_own_frames(exc)
            text = format_exception(exc)
            _print(run, f"Error in atexit._run_exitfuncs:\n{text}")


def call_in_raw_thread(
    run: RunContext, function: Any, *arguments: Any, **keywords: Any
) -> None:
    """Call what a thread is for that threading does not know."""
    try:  # pragma: no cover - no tracer comes here
        function(*arguments, **keywords)
    except (RunAborted, RunInterrupted, SystemExit):  # pragma: no cover - as above
        return
    except BaseException as exc:  # pragma: no cover - as above
        # What fails because the run is over is nobody's concern.
        if not run.is_ending:
            _handle(run, exc, "in thread started by", function)


def _handle(run: RunContext, exc: BaseException, message: str, source: Any) -> None:
    """Do what PyErr_WriteUnraisable() does."""
    hide_own_frames(exc)
    text = f"Exception ignored {message}"
    if _IS_NEW:  # pragma: no cover - 3.13
        # The object is in the text, and not shown by itself.
        text, shown, source = f"{text} {source!r}", "", None
    else:
        shown = f" {source!r}"
    hook = _hook_of(run)
    if hook is sys.__unraisablehook__ or hook is None:
        _print(run, f"{text}:{shown}\n{_format(exc)}")
        return
    unraisable = UnraisableHookArgs(
        exc_type=type(exc),
        exc_value=exc,
        exc_traceback=exc.__traceback__,
        err_msg=text,
        object=source,
    )
    _call(run, hook, unraisable)


def _format(exc: BaseException) -> str:
    """Return the text that C code makes: an exception alone, and its colon always."""
    found = traceback.extract_tb(exc.__traceback__)
    if _IS_NEW:  # pragma: no cover - 3.13
        # Without marks below the lines.
        plain = [(one.filename, one.lineno or 0, one.name, one.line) for one in found]
        found = traceback.StackSummary.from_list(plain)
    frames = "".join(found.format())
    last = traceback.format_exception_only(type(exc), exc)
    if len(last) == 1 and ":" not in last[0]:
        last = [f"{last[0].rstrip()}: \n"]
    heading = ["Traceback (most recent call last):\n"] if frames else []
    return "".join([*heading, frames, *last])


def _dispatch(unraisable: Any) -> None:
    """Stand in for sys.unraisablehook, as C code finds it."""
    run = current.get()
    if run is None:
        process[_NAME](unraisable)
    elif not issubclass(unraisable.exc_type, (RunAborted, RunInterrupted)):
        hook = _hook_of(run)
        _call(run, sys.__unraisablehook__ if hook is None else hook, unraisable)


def _call(run: RunContext, hook: Any, unraisable: Any) -> None:
    try:
        hook(unraisable)
    except (RunAborted, RunInterrupted):
        raise
    except BaseException as exc:
        hide_own_frames(exc)
        heading = f"Exception ignored in sys.unraisablehook: {hook!r}\n"
        _print(run, heading + _format(exc))


def _hook_of(run: RunContext) -> Any:
    own = _assigned.find(run)
    hook = sys.__unraisablehook__ if own is None else own.get(_NAME)
    return None if hook is _DELETED else hook


def _print(run: RunContext, text: str) -> None:
    try:
        run.stderr.write(text)
    except Exception:  # closed, or not a stream: nobody to tell
        return


def _get_unraisable_hook(module: ModuleType) -> Any:
    run = current_for_changes()
    if run is None:
        return process[_NAME]
    own = _assigned.find(run)
    hook = sys.__unraisablehook__ if own is None else own.get(_NAME)
    if hook is _DELETED:
        raise AttributeError(f"module 'sys' has no attribute '{_NAME}'")
    return hook


def _set_unraisable_hook(module: ModuleType, value: Any) -> None:
    run = current_for_changes()
    if run is None:
        process[_NAME] = value
    else:
        _assigned.of(run)[_NAME] = value


def _delete_unraisable_hook(module: ModuleType) -> None:
    _get_unraisable_hook(module)
    _set_unraisable_hook(module, _DELETED)


def _deletable(original: property) -> property:
    """Let a script delete sys.excepthook: CPython says so when it looks for it."""

    def get(module: ModuleType) -> Any:
        value = original.fget(module) if original.fget is not None else None
        if value is _DELETED:
            raise AttributeError("module 'sys' has no attribute 'excepthook'")
        return value

    def delete(module: ModuleType) -> None:
        get(module)
        if original.fset is not None:
            original.fset(module, _DELETED)

    return property(get, original.fset, delete)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    # Not type(sys), which shows scripts the plain class of modules.
    kind: Any = object.__getattribute__(sys, "__class__")
    original = kind.__dict__["excepthook"]
    kind.excepthook = _deletable(original)
    undo.append(lambda: setattr(kind, "excepthook", original))
    process[_NAME] = sys.__dict__[_NAME]
    setattr(
        kind,
        _NAME,
        property(_get_unraisable_hook, _set_unraisable_hook, _delete_unraisable_hook),
    )
    sys.__dict__[_NAME] = _dispatch
    undo.append(_restore)
    undo.append(lambda: delattr(kind, _NAME))
    return undoing(undo)


def _restore() -> None:
    sys.__dict__[_NAME] = process.pop(_NAME)
