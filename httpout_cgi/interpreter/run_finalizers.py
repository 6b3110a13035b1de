"""weakref.finalize for each run: what a run has made is called at its end, by it alone.

There is one registry, for whoever drops an object may be in another thread.  What is
registered knows its run.
"""

from __future__ import annotations

import atexit
import weakref
from contextvars import Context
from functools import partial
from types import FunctionType
from typing import Any, Callable, List

from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    current_for_changes,
    replace,
    undoing,
)

# Any: typeshed knows nothing of the private parts, the same from Python 3.8 to 3.14.
_finalize: Any = weakref.finalize
_Info: Any = _finalize._Info
_at_exit: Any = _finalize.__dict__["_exitfunc"].__func__


class _RunInfo(_Info):  # type: ignore[misc]
    """What is registered for an object of a run."""

    __slots__ = ("_function", "run")

    def __init__(self, run: RunContext) -> None:
        self.run = run

    @property
    def func(self) -> Callable[..., Any]:
        """What is to be called: in its run, wherever the object is dropped."""
        run = self.run
        if run.is_aborted or _of_run.of(run)._shutdown:
            return _do_nothing
        if current.get() is run:
            return self._function
        context = Context()
        context.run(current.set, run)
        # No function of ours: a traceback would show it.
        return partial(context.run, self._function)

    @func.setter
    def func(self, function: Callable[..., Any]) -> None:
        self._function = function


class _Finalizers:
    """Those of a run.  This stands in for the class where CPython ends a process."""

    _shutdown = False
    _dirty = False
    _registry = _finalize._registry

    def __init__(self, run: RunContext) -> None:
        self._run = run
        names = {**vars(weakref), "finalize": self}
        # CPython's own code, so that tracebacks are as usual.
        at_exit = FunctionType(_at_exit.__code__, names)
        run.exit_callbacks.append((at_exit, (self,), {}))

    def _select_for_exit(self) -> List[Any]:
        return [one for one in self._all() if one.atexit]

    def forget(self) -> None:
        """Call nothing any more."""
        self._shutdown = True
        for one in self._all():
            self._registry.pop(one, None)

    def _all(self) -> List[Any]:
        """Return them, the oldest first: a dictionary keeps that order."""
        return [
            one
            for one, info in list(self._registry.items())
            if getattr(info, "run", None) is self._run
        ]


_of_run = PerRun(_Finalizers, lambda run, finalizers: finalizers.forget())


# Any: an _Info.
def _make_info() -> Any:
    run = current_for_changes()
    if run is None:
        return _Info()
    _of_run.of(run)._dirty = True
    return _RunInfo(run)


def _do_nothing(*arguments: object, **keywords: object) -> None:
    """Take the place of what came too late."""


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    if not _finalize._registered_with_atexit:
        # Else the first run that makes one would do it, for itself.
        atexit.register(_finalize._exitfunc)
        _finalize._registered_with_atexit = True
    replace(_finalize, "_Info", staticmethod(_make_info), undo)
    return undoing(undo)
