"""random for each run: seed() gives the numbers of a process of its own.

The module's functions are methods of one generator.  A run has another one; what
shared modules have bound when they were imported stays with the process'.
"""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any, Callable, Dict, List

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import (
    PerRun,
    current_for_changes,
    replace,
    undoing,
)

# Any: the module's own name for its generator.
_shared: random.Random = random.__dict__["_inst"]


class _State:
    """A generator, seeded at first use, and what the script put into the module."""

    def __init__(self) -> None:
        self.generator = random.Random()
        self.assigned: Dict[str, Any] = {}


_state = PerRun(lambda run: _State())


class _RunRandom(GuardedModule):
    """The class of random while the stand-ins are installed."""


def _property(name: str, method: str) -> property:
    def get(module: ModuleType) -> Any:
        run = current_for_changes()
        if run is None:
            return module.__dict__[name]
        state = _state.of(run)
        if name in state.assigned:
            return state.assigned[name]
        return getattr(state.generator, method) if method else state.generator

    def set_value(module: ModuleType, value: Any) -> None:
        run = current_for_changes()
        if run is None:
            module.__dict__[name] = value
        else:
            _state.of(run).assigned[name] = value

    return property(get, set_value)


# Any: whatever the module holds.
def _method(value: Any) -> str:
    """Return the name of what is a method of the shared generator, or ""."""
    is_method = getattr(value, "__self__", None) is _shared
    return value.__name__ if is_method else ""


for _name, _value in list(vars(random).items()):
    if _value is _shared or _method(_value):
        setattr(_RunRandom, _name, _property(_name, _method(_value)))


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(random, "__class__", _RunRandom, undo)
    return undoing(undo)
