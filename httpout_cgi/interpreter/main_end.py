"""The end of a process, as Py_FinalizeEx brings it about, without its cost.

Threads, atexit, a flush, the objects of the script, and another flush for what their
__del__ wrote.  What the interpreter itself holds is left to the kernel.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import sys
import threading
import traceback
import weakref
from contextlib import suppress
from types import ModuleType
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from httpout_cgi.interpreter import namespaces
from httpout_cgi.interpreter.own_tracebacks import hide_own_frames

# The exit code of CPython where the standard streams cannot be flushed.
_CANNOT_FLUSH = 120

_LAST = ("last_exc", "last_type", "last_value", "last_traceback")


class Failure(NamedTuple):
    """How something ended that was done on the script's behalf."""

    exit_code: int = 0
    is_interrupt: bool = False


def attempt(action: Callable[[], object]) -> Failure:
    """Do something; what it raises is reported, as CPython does it."""
    try:
        action()
    except SystemExit as exc:
        return Failure(_take_exit_code(exc.code))
    except BaseException as exc:  # a script may raise anything
        return _report(exc)
    return Failure()


class End:
    """Knows, from before the script, what there was to be ended already."""

    def __init__(self) -> None:
        self._begun = _list_begun()
        # What logging and concurrent.futures do at the end is for what has begun.
        self._is_nothing = all(count in (0, 1) for count in self._begun[1:])
        self._collections = _count_collections()

    def finish(
        self,
        failure: Failure,
        local: Sequence[str],
        join: Optional[Callable[[], object]] = None,
    ) -> int:
        """End all that the script has begun; return the exit code of the process.

        ``local`` are the names of the modules that end with the script, but for
        ``__main__``, the first one first.  ``join`` waits for what goes on when its
        threads have ended.
        """
        if not self._is_nothing or self._begun != _list_begun():
            end_threads(join)
        return _finish(failure, local, self._youngest())

    def _youngest(self) -> int:
        """Return the oldest generation that has objects of the script's."""
        now = _count_collections()
        return next((n for n in (0, 1) if now[n] == self._collections[n]), 2)


def _list_begun() -> Tuple[object, ...]:
    """Tell how many threads there are, and of what is done at the end."""
    known: Any = threading  # Any: typeshed knows little of it, and a Python not all
    return (
        known._shutdown,
        len(known._active),
        len(getattr(known, "_shutdown_locks", ())),
        len(getattr(known, "_threading_atexits", ())),
        atexit._ncallbacks(),
        len(logging._handlerList),  # type: ignore[attr-defined]
    )


def _count_collections() -> List[int]:
    return [one["collections"] for one in gc.get_stats()]


def end_threads(join: Optional[Callable[[], object]]) -> None:
    """Wait for the threads of the process, and run its exit callbacks."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        if join is not None:
            join()
    except BaseException as exc:
        _tell_ignored(exc, threading, "on threading shutdown")
    with suppress(BaseException):  # told already
        atexit._run_exitfuncs()


def _finish(failure: Failure, local: Sequence[str], generation: int) -> int:
    is_flushed = _flush()
    if gc.isenabled():
        # As CPython does, and not only to have less to do later: it puts objects in an
        # order in which a file that nobody has closed is written before it is.
        gc.collect(generation)
    _restore_streams()
    _drop_modules(local, min(generation + 1, 2))
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # what __del__ has written; CPython ignores it, too
            stream.flush()
    if not is_flushed:
        return _CANNOT_FLUSH
    if failure.is_interrupt:  # pragma: no cover - not measured: nothing comes after it
        # Whoever waits for this process learns what ended it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return failure.exit_code


def _take_exit_code(code: object) -> int:
    if code is None or isinstance(code, int):
        number = int(code or 0)
        # CPython takes -1 for what is no C long.
        return number & 0xFF if -(2**63) <= number < 2**63 else 0xFF
    _print(f"{_text_of(code)}\n")
    return 1


def _report(exc: BaseException) -> Failure:
    """Tell sys.excepthook."""
    hide_own_frames(exc)
    sys.last_type, sys.last_value = type(exc), exc
    sys.last_traceback = exc.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = exc
    failure = Failure(1, is_interrupt=isinstance(exc, KeyboardInterrupt))
    # Any: a script may call anything a hook, and may delete it.
    hook: Any = getattr(sys, "excepthook", None)
    if hook is None and not hasattr(sys, "excepthook"):
        _print("sys.excepthook is missing\n")
        hook = sys.__excepthook__
    try:
        hook(type(exc), exc, exc.__traceback__)
    except SystemExit as left:
        return Failure(_take_exit_code(left.code))
    except BaseException as broken:
        hide_own_frames(broken)
        broken.__context__ = None
        _print("Error in sys.excepthook:\n")
        sys.__excepthook__(type(broken), broken, broken.__traceback__)
        _print("\nOriginal exception was:\n")
        sys.__excepthook__(type(exc), exc, exc.__traceback__)
    return failure


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return ""


def _print(text: str) -> None:
    # CPython writes to the process' own where the script has none.
    stream = getattr(sys, "stderr", None) or sys.__stderr__
    try:
        stream.write(text)  # type: ignore[union-attr]  # it may be None as well
    except (OSError, ValueError, AttributeError):
        return  # the script closed or replaced it: nobody to tell


def _tell_ignored(exc: BaseException, source: object, when: str) -> None:
    where = f"{when}:" if sys.version_info >= (3, 13) else f"in: {source!r}"
    hide_own_frames(exc)
    lines = traceback.format_exception(type(exc), exc, exc.__traceback__)
    _print("".join([f"Exception ignored {where}\n", *lines]))


def _flush() -> bool:
    """Flush both streams; tell whether that went well."""
    is_flushed = True
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception as exc:  # a script may have put anything there
            is_flushed = False
            if name == "stdout":
                _tell_ignored(exc, stream, "on flushing sys.stdout")
    return is_flushed


def _restore_streams() -> None:
    """Let go of what sys holds of the script's."""
    for name in _LAST:
        if hasattr(sys, name):
            setattr(sys, name, None)
    sys.excepthook = sys.__excepthook__
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, name, getattr(sys, f"__{name}__"))


def _drop_modules(local: Sequence[str], generation: int) -> None:
    """Drop __main__ and local modules; clear those that are held elsewhere."""
    # By name: to look at all that there is would copy each page that it is on.
    left = [ref for ref in map(_forget, ["__main__", *local]) if ref is not None]
    # Finalizers of objects that refer to each other: the warm heap is frozen, so that
    # this looks at the script's objects alone.
    gc.collect(generation)
    for find in reversed(left):
        module = find()
        if module is not None:
            namespaces.clear(module.__dict__)


def _forget(name: str) -> Optional[weakref.ref[ModuleType]]:
    module = sys.modules.pop(name, None)
    return weakref.ref(module) if isinstance(module, ModuleType) else None
