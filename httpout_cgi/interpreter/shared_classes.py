"""Classes of shared modules: what a script assigns in one is the run's.

Nothing sees that a class is assigned to.  But the script reads the class of its
module first, and its code says what it is about to do with it: assign.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import AbstractSet, Any, Callable, List, Optional

from httpout_cgi.interpreter import run_attributes
from httpout_cgi.interpreter.assignments import use_at
from httpout_cgi.interpreter.guarded_modules import (
    GuardedModule,
    check,
    guard,
    is_of_script,
    refuse,
)
from httpout_cgi.interpreter.module_types import PassesForModule
from httpout_cgi.interpreter.run_context import (
    RunContext,
    current_for_changes,
    process,
)

# Takes away what has been put into the classes of modules.
_undo: List[Callable[[], None]] = []


class _SharedClass:
    """The name of a class in a module."""

    def __init__(self, name: str) -> None:
        self._name = name

    # Any: the class, or what a script has instead of it for one operation.
    def __get__(self, module: Any, kind: Optional[type] = None) -> Any:
        if module is None:
            return self
        name = self._name
        try:
            found = module.__dict__[name]
        except KeyError:
            text = f"module {module.__name__!r} has no attribute {name!r}"
            raise AttributeError(text) from None
        caller = sys._getframe(1)
        if not is_of_script(caller) or not isinstance(found, type):
            return found
        run = current_for_changes()
        if run is None:
            return found
        use = use_at(caller.f_code, caller.f_lasti)
        if use.attribute is not None:
            refuse(f"setting {module.__name__}.{name}.{use.attribute}")
        return run_attributes.Target(run, found) if use.is_assigned_to else found

    def __set__(self, module: ModuleType, value: object) -> None:
        check(module, self._name, sys._getframe(2))
        module.__dict__[self._name] = value

    def __delete__(self, module: ModuleType) -> None:
        del module.__dict__[self._name]


def watch(module: ModuleType, names: AbstractSet[str]) -> None:
    """Watch how scripts read these names of a module, if they are classes there."""
    namespace = module.__dict__
    for name in names:
        if isinstance(namespace.get(name), type):
            _watch(module, name)


def _watch(module: ModuleType, name: str) -> None:
    guard(module)
    # Any: a class whose own class is PassesForModule.
    kind: Any = type(module)
    if name in vars(kind):
        return
    if kind is GuardedModule:
        # One for this module alone.
        kind = PassesForModule("module", (kind,), {"__module__": __name__})
        module.__class__ = kind
    setattr(kind, name, _SharedClass(name))
    _undo.append(lambda: delattr(kind, name))


def find_run_to_assign(target: Any) -> Optional[RunContext]:
    """Return the current run if the target is a class that all runs share."""
    if not isinstance(target, type):
        return None
    run = current_for_changes()
    if run is None or target.__module__ in run.modules:
        return None
    found: object = process["modules"].get(target.__module__)
    for name in target.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return run if found is target else None


def uninstall() -> None:
    """Take all of it away again."""
    while _undo:
        _undo.pop()()
    run_attributes.restore()
