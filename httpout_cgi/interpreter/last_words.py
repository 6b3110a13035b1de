"""What garbage says when it goes: it speaks in its own run, or in none.

There is one collector for all runs.  What others would hear of is held while it
collects for one.  A run whose classes have finalizers collects when it ends, as the
interpreter's end does.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from itertools import chain, compress, tee
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from httpout_cgi.interpreter import instances
from httpout_cgi.interpreter.namespaces import clear
from httpout_cgi.interpreter.run_context import PerRun, RunContext, current

_collect, _get_objects = gc.collect, gc.get_objects
# They run code when they are collected, for "finally:".
_GENERATORS = (GeneratorType, CoroutineType, AsyncGeneratorType)
OLDEST = 2

# The runs under way whose code has finalizers.
_speakers: List[RunContext] = []

# While one thread collects, CPython does nothing for another that wants to.
_turn = threading.RLock()
# Nobody waits for ever: a finalizer may block, or an interrupt strike between two lines
# here.  In seconds; what has been held for so long is held for good, or nearly so.  To
# collect takes up to 0.1 s, and fifty may want to.
_PATIENCE = 30.0

# Runs by the id of a namespace of theirs.
_Owners = Dict[int, RunContext]
# Objects by the run that they are of; of None if they are of none under way.
_Held = Dict[Optional[RunContext], List[object]]


class _Speaker:
    """A run whose code names ``__del__`` so many times."""

    def __init__(self, run: RunContext) -> None:
        self.finalizers = 0
        # How often objects had been collected before.
        self.collections = _count_collections()
        _speakers.append(run)


_state = PerRun(_Speaker, lambda run, speaker: _speakers.remove(run))


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
    with _taking_turns():
        owners = _find_owners(run)
        modules, classes = _drop_modules(run)
        # While nobody has collected, all that the run has made is young.
        if speaker.collections == _count_collections():
            _collect_own(run, 0, owners)
        if any(kind() is not None for kind in classes):
            _collect_own(run, OLDEST, owners)
        # Something else has them, too: now it has empty ones.
        has_cleared = [_clear(module()) for module in modules]
        if any(has_cleared):
            _collect_own(run, OLDEST, owners)
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
        if isinstance(value, type) and isinstance(_finalizer(value), FunctionType)
    ]
    return [weakref.ref(module) for module in kept], classes


def _clear(module: Optional[ModuleType]) -> bool:
    return module is not None and clear(vars(module))


def collect_for(run: RunContext, generation: int) -> int:
    """Collect for a script: nothing but its own speaks in its run."""
    with _taking_turns():
        count = _collect_own(run, generation, _find_owners(run))
        collect_outside(generation)
    return count


def collect_outside(generation: int) -> int:
    """Collect outside of all runs; what belongs to one under way is left to it.

    Does not wait for another thread that collects.
    """
    turn = _turn
    if not turn.acquire(blocking=False):
        return 0
    try:
        return Context().run(_collect_own, None, generation, _find_owners())
    finally:
        turn.release()


def _collect_own(run: Optional[RunContext], generation: int, owners: _Owners) -> int:
    """Collect what is the run's; of None is what belongs to no run under way."""
    held = _hold(run, generation, owners) if owners else {}
    try:
        if len(_speakers) > 1:
            return _collect_beside_others(run, generation)
        return _collect(generation)
    finally:
        _release(held)


def _collect_beside_others(run: Optional[RunContext], generation: int) -> int:
    """Collect while others may go on making garbage, which is not held.

    Should one of their finalizers be called here, it speaks in its own run.
    """
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


@contextmanager
def _taking_turns() -> Iterator[None]:
    turn = _wait_for_turn()
    try:
        yield
    finally:
        turn.release()


def _wait_for_turn() -> Any:
    """Return the lock, held; who comes later need not wait for one that is lost."""
    global _turn
    turn = _turn
    while not turn.acquire(timeout=_PATIENCE):
        if _turn is turn:
            _turn = threading.RLock()
        turn = _turn
    return turn


def _find_owners(*runs: RunContext) -> _Owners:
    return {
        id(getattr(module, "__dict__", None)): run
        for run in (*_speakers, *runs)
        for module in list(run.modules.values())
    }


# What others hear of.


def _hold(speaker: Optional[RunContext], generation: int, owners: _Owners) -> _Held:
    """Return what would speak and is not the speaker's, by the run that it is of."""
    kinds = _find_kinds(generation)
    loud = {number for number, kind in kinds.items() if _is_loud(kind)}
    held: _Held = {}
    for value in find_instances(generation, loud):
        owner = owners.get(_namespace(value))
        if owner is not speaker:
            held.setdefault(owner, []).append(value)
    for value in _find_watched(generation):
        for reference in weakref.getweakrefs(value):
            # Those of libraries keep house, and say nothing.
            owner = owners.get(id(getattr(reference.__callback__, "__globals__", 0)))
            if owner is not None and owner is not speaker:
                held.setdefault(owner, []).append(value)
    return held


def _release(held: _Held) -> None:
    """Let go; should nobody else have it any more, it speaks in its own run."""
    for owner, values in held.items():
        context = Context()
        if owner is not None:
            context.run(current.set, owner)
        context.run(values.clear)


# All objects are in a list for a moment.  Each of these is one call of C code: no
# other thread may drop one meanwhile, or its finalizer would run in this thread.  Nor
# may a variable here hold an iterator: tee() keeps the last objects, and when a call
# has taken long, another thread comes next.


def _list_objects(generation: int) -> Iterator[object]:
    wanted = [None] if generation >= OLDEST else range(generation + 1)
    return chain.from_iterable(map(_get_objects, wanted))


def _find_kinds(generation: int) -> Dict[int, type]:
    """Return the classes of all objects by their ids."""
    one, other = tee(map(type, _list_objects(generation)))
    return dict(zip(map(id, one), other))


def find_instances(generation: int, kinds: set[int]) -> List[object]:
    return list(_choose(generation, lambda each: _are_of(kinds, each)))


def _are_of(kinds: set[int], objects: Iterator[object]) -> Iterator[bool]:
    return map(kinds.__contains__, map(id, map(type, objects)))


def _find_watched(generation: int) -> List[object]:
    """Return the objects that have weak references."""
    return list(_choose(generation, partial(map, weakref.getweakrefcount)))


# Any: what is true, or not, of each object.
def _choose(generation: int, judge: Callable[[Any], Iterator[Any]]) -> Iterator[object]:
    one, other = tee(_list_objects(generation))
    return compress(one, judge(other))


def _is_loud(kind: type) -> bool:
    return kind in _GENERATORS or _finalizer(kind) is not None


# Any, from here on: a function, or what C code has for it; an object of any class.
def _finalizer(kind: type) -> Any:
    # One that another thread's collection has taken apart has no bases any more.
    for base in kind.__mro__ or ():
        if "__del__" in base.__dict__:
            return base.__dict__["__del__"]
    return None


def _namespace(value: Any) -> int:
    """Return the id of the namespace that the code belongs to."""
    kind = type(value)
    if kind in _GENERATORS:
        frame = _frame(value)
        return id(None if frame is None else frame.f_globals)
    functions = [each for each in vars(kind).values() if type(each) is FunctionType]
    function = functions[0] if functions else _finalizer(kind)
    return id(getattr(function, "__globals__", None))


# Frames are called gi_frame, cr_frame or ag_frame.
def _frame(generator: Any) -> Any:
    for prefix in ("gi", "cr", "ag"):
        if hasattr(generator, f"{prefix}_frame"):
            return getattr(generator, f"{prefix}_frame")
    return None
