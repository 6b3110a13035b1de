"""gc for each run: switches that nobody else feels, and collect().

What a run switches is remembered and has no effect: when this process collects is
not a script's business.
"""

from __future__ import annotations

import gc
from typing import Any, Callable, Dict, List, Tuple

from httpout_cgi.interpreter import last_words
from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import (
    PerRun,
    current_for_changes,
    replace,
    undoing,
)

_find = current_for_changes
_collect = gc.collect
_THRESHOLDS = gc.get_threshold()


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
    """Stand in for gc.collect(): finalizers of other runs never speak in this one."""
    run = _find()
    if run is None:
        return _collect(generation)
    callbacks = list(_state.of(run).callbacks)
    _call(callbacks, "start", generation, 0)
    count = last_words.collect_for(run, generation)
    _call(callbacks, "stop", generation, count)
    return count


def _call(callbacks: List[Any], phase: str, generation: int, count: int) -> None:
    information = {"generation": generation, "collected": count, "uncollectable": 0}
    for callback in callbacks:
        callback(phase, dict(information))


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
