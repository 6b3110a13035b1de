"""What garbage says when it goes: it speaks in its own run, or in none.

There is one collector for all runs.  Who wants it waits until no other run is at work
whose code has finalizers, lest garbage of theirs goes before they ask for it.  A run
whose classes have finalizers collects when it ends, as the interpreter's end does.
"""

from __future__ import annotations

import gc
import sys
import weakref
from contextvars import Context
from types import FrameType, FunctionType, ModuleType
from typing import Any, Dict, List, Optional, Tuple

from httpout_cgi.interpreter import instances
from httpout_cgi.interpreter.collecting_turns import Speaker, Turns
from httpout_cgi.interpreter.namespaces import clear
from httpout_cgi.interpreter.run_context import PerRun, RunContext, current

_collect = gc.collect
_OLDEST = 2
# CPython's own idea of when there is enough to collect, by generation.
_THRESHOLDS = gc.get_threshold()


class _RunSpeaker(Speaker):
    """A run whose code names ``__del__`` so many times."""

    def __init__(self, run: RunContext) -> None:
        super().__init__()
        self.run = run
        self.finalizers = 0
        # How often objects had been collected before.
        self.collections = _count_collections()
        _turns.enter(self)


_turns: Turns[_RunSpeaker] = Turns()
_state = PerRun(_RunSpeaker, lambda run, speaker: _turns.leave(speaker))


def _count_collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def expect(run: RunContext, finalizers: int = 1) -> None:
    """Note that so many parts of the run's code have finalizers."""
    _state.of(run).finalizers += finalizers


def collect_last(run: RunContext) -> bool:
    """End the run's modules, and let what they leave behind speak.

    Does nothing, and returns False, if nothing will speak but what the modules
    themselves hold: it goes when they are emptied.
    """
    speaker = _state.find(run)
    if speaker is None or instances.are_in_sight(run, speaker.finalizers):
        return False
    with _turns.taken_by(speaker):
        modules, classes = _drop_modules(run)
        # While nobody has collected, all that the run has made is young.
        if speaker.collections == _count_collections():
            _collect_in(run, 0)
        if any(kind() is not None for kind in classes):
            _collect_in(run, _OLDEST)
        # Something else has them, too: now it has empty ones.
        has_cleared = [_clear(module()) for module in modules]
        if any(has_cleared):
            _collect_in(run, _OLDEST)
    return True


def _drop_modules(
    run: RunContext,
) -> Tuple[List[weakref.ref[ModuleType]], List[weakref.ref[type]]]:
    """Let go of the run's modules; return them, and what tells that they are gone."""
    modules = [*run.__dict__.get("loaded", ()), run.main]
    kept = [module for module in modules if module is not None]
    run.main = None
    run.modules.clear()
    run.__dict__.pop("loaded", None)
    values = [value for module in kept for value in list(vars(module).values())]
    classes = [
        weakref.ref(value)
        for value in values
        if isinstance(value, type) and _has_finalizer(value)
    ]
    return [weakref.ref(module) for module in kept], classes


def _has_finalizer(kind: type) -> bool:
    bases = kind.__mro__
    return any(isinstance(base.__dict__.get("__del__"), FunctionType) for base in bases)


def _clear(module: Optional[ModuleType]) -> bool:
    return module is not None and clear(vars(module))


def collect_for(run: RunContext, generation: int) -> int:
    """Collect for a script: nothing but its own speaks in its run."""
    with _turns.taken_by(_state.find(run)):
        return _collect_in(run, generation)


def find_due(patience: int = 1) -> Optional[int]:
    """Return the generation that is due, or None; ``patience`` times CPython's."""
    youngest, middle, oldest = gc.get_count()
    if youngest <= patience * _THRESHOLDS[0]:
        return None
    if middle <= _THRESHOLDS[1]:
        return 0
    return 1 if oldest <= _THRESHOLDS[2] else _OLDEST


def collect_outside(generation: int) -> bool:
    """Collect outside of all runs, unless it means to wait; tell whether it did."""
    with _turns.taken_if_free() as is_taken:
        if is_taken:
            Context().run(_collect, generation)
    return is_taken


def collect_in_turn(generation: int) -> None:
    """Collect outside of all runs, in a thread that may wait for those at work."""
    with _turns.taken_by(None):
        _collect_in(None, generation)


def _collect_in(run: Optional[RunContext], generation: int) -> int:
    """Collect; should something of another run speak, it speaks there."""
    if not _turns.list_others(None if run is None else _state.find(run)):
        return _collect(generation)
    here = [sys._getframe()]
    before = sys.getprofile()

    # Any: what comes with an event.
    def notice(frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_back in here and event == "call":  # pragma: no cover - no tracer
            current.set(_find_owners().get(id(frame.f_globals), run))

    sys.setprofile(notice)
    try:
        return _collect(generation)
    finally:
        sys.setprofile(before)
        current.set(run)
        here.clear()  # a frame that holds itself is garbage, and so are its callers


def _find_owners() -> Dict[int, RunContext]:
    """Return the runs with finalizers by the ids of their namespaces."""
    return {
        id(getattr(module, "__dict__", None)): speaker.run
        for speaker in _turns.list_others(None)
        for module in list(speaker.run.modules.values())
    }
