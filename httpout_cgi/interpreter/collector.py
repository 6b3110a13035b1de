"""gc for each run: switches that nobody else feels, and collect().

What a run switches is remembered and has no effect: when this process collects is
not a script's business.
"""

from __future__ import annotations

import gc
import weakref
from contextvars import Context
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Callable, Dict, List, Set, Tuple

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current_for_changes,
    replace,
    undoing,
)

_find = current_for_changes
_collect = gc.collect
_THRESHOLDS = gc.get_threshold()
# They run code when they are collected, for "finally:".
_GENERATORS = (GeneratorType, CoroutineType, AsyncGeneratorType)


class _State:
    """The collector that a run believes it has, as in an interpreter just started."""

    def __init__(self) -> None:
        self.is_enabled = True
        self.thresholds: Tuple[int, ...] = _THRESHOLDS
        self.flags = 0
        self.callbacks: List[Any] = []
        self.garbage: List[object] = []


_state = PerRun(lambda run: _State())


def _enable(state: _State) -> None:
    state.is_enabled = True


def _disable(state: _State) -> None:
    state.is_enabled = False


def _set_threshold(state: _State, first: int, *others: int) -> None:
    state.thresholds = (first, *others, *state.thresholds[1 + len(others) :])


def _set_debug(state: _State, flags: int) -> None:
    state.flags = flags


_IN_RUN: Dict[str, Callable[..., Any]] = {
    "enable": _enable,
    "disable": _disable,
    "isenabled": lambda state: state.is_enabled,
    "freeze": lambda state: None,
    "unfreeze": lambda state: None,
    "get_freeze_count": lambda state: 0,
    "set_threshold": _set_threshold,
    "get_threshold": lambda state: state.thresholds,
    "set_debug": _set_debug,
    "get_debug": lambda state: state.flags,
}


# Any: a function of gc and its stand-in.
def _choosing(
    name: str, in_run: Callable[..., Any], original: Callable[..., Any]
) -> Callable[..., Any]:
    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        run = _find()
        if run is None:
            return original(*arguments, **keywords)
        return in_run(_state.of(run), *arguments, **keywords)

    stand_in.__name__ = stand_in.__qualname__ = name
    return stand_in


def collect(generation: int = 2) -> int:
    """Stand in for gc.collect(): finalizers of other runs never speak in this one.

    What others might hear of is held while this run's garbage goes, and goes
    outside of any run.
    """
    run = _find()
    if run is None:
        return _collect(generation)
    callbacks = list(_state.of(run).callbacks)
    _call(callbacks, "start", generation, 0)
    others: List[object] = _hear_of_their_end(run)
    try:
        count = _collect(generation)
    finally:
        Context().run(others.clear)
        Context().run(_collect, generation)
    _call(callbacks, "stop", generation, count)
    return count


def _call(callbacks: List[Any], phase: str, generation: int, count: int) -> None:
    information = {"generation": generation, "collected": count, "uncollectable": 0}
    for callback in callbacks:
        callback(phase, dict(information))


def _hear_of_their_end(run: RunContext) -> List[object]:
    """Return the objects whose end runs code that is not this run's."""
    own = {id(vars(module)) for module in list(run.modules.values())}
    return [each for each in gc.get_objects() if _is_heard_by_others(each, own)]


def _is_heard_by_others(value: object, own: Set[int]) -> bool:
    kind = type(value)
    if kind in _GENERATORS:
        frame = _frame(value)
        return frame is not None and id(frame.f_globals) not in own
    finalizer = getattr(kind, "__del__", None)
    if finalizer is not None:
        return id(getattr(finalizer, "__globals__", None)) not in own
    return weakref.getweakrefcount(value) > 0


# Any: frames are called gi_frame, cr_frame or ag_frame.
def _frame(generator: Any) -> Any:
    for prefix in ("gi", "cr", "ag"):
        if hasattr(generator, f"{prefix}_frame"):
            return getattr(generator, f"{prefix}_frame")
    return None


class _RunCollector(GuardedModule):
    """The class of gc: its two lists are the run's."""

    @property
    def callbacks(self) -> List[Any]:
        run = _find()
        return self.__dict__["callbacks"] if run is None else _state.of(run).callbacks

    @property
    def garbage(self) -> List[Any]:
        run = _find()
        return self.__dict__["garbage"] if run is None else _state.of(run).garbage


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(gc, "__class__", _RunCollector, undo)
    replace(gc, "collect", collect, undo)
    for name, in_run in _IN_RUN.items():
        replace(gc, name, _choosing(name, in_run, getattr(gc, name)), undo)
    return undoing(undo)
