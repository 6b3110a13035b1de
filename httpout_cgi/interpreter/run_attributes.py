"""Attributes of shared classes that a run has assigned: other runs do not see them.

``logging.Formatter.converter = time.gmtime``: the class gets a descriptor for that
name, which shows each run its own value, and everybody else what was there before.
"""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Tuple

from httpout_cgi.interpreter import persistent
from httpout_cgi.interpreter.guarded_modules import refuse
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current_for_changes,
)

# Any, in this file: the values of attributes, and the objects that have them.
_assigned: PerRun[Dict[Tuple[type, str], Any]] = PerRun(lambda run: {})
_MISSING = object()
_DELETED = object()

# Guards classes while they get a descriptor.  Never held while a script's code runs.
_guard = threading.Lock()
_changed: List[_RunAttribute] = []


class _RunAttribute:
    """Shows the run's value; behaves as what it takes the place of, otherwise."""

    def __init__(self, owner: type, name: str, original: Any) -> None:
        self.owner = owner
        self.name = name
        self.original = original

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        run = current_for_changes()
        values = None if run is None else _assigned.find(run)
        value = self.original
        if values is not None:
            value = values.get((self.owner, self.name), value)
        if value is _MISSING or value is _DELETED:
            value = self._inherited(instance, type(instance) if kind is None else kind)
        bind = getattr(type(value), "__get__", None)
        return value if bind is None else bind(value, instance, kind)

    def _inherited(self, instance: Any, kind: type) -> Any:
        order = kind.__mro__
        for base in order[order.index(self.owner) + 1 :]:
            if self.name in base.__dict__:
                return base.__dict__[self.name]
        what = f"type object {kind.__name__!r}"
        if instance is not None:
            what = f"{kind.__name__!r} object"
        raise AttributeError(f"{what} has no attribute {self.name!r}")


class Target:
    """A shared class for the one who assigns to it."""

    def __init__(self, run: RunContext, owner: type) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_owner", owner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        assign(self._run, self._owner, name, value)

    def __delattr__(self, name: str) -> None:
        delete(self._run, self._owner, name)


def assign(run: RunContext, owner: type, name: str, value: Any) -> None:
    """Set an attribute of a shared class for one run.

    Raises ProcessNeededError where a descriptor could not take its place.
    """
    _prepare(owner, name)
    _assigned.of(run)[owner, name] = value


def delete(run: RunContext, owner: type, name: str) -> None:
    """Delete an attribute of a shared class for one run."""
    own = _assigned.of(run).get((owner, name), owner.__dict__.get(name, _MISSING))
    if isinstance(own, _RunAttribute):
        own = own.original
    if own is _MISSING or own is _DELETED:
        text = f"type object {owner.__name__!r} has no attribute {name!r}"
        raise AttributeError(text)
    assign(run, owner, name, _DELETED)


def _prepare(owner: type, name: str) -> None:
    """Put a descriptor into the class."""
    original = owner.__dict__.get(name, _MISSING)
    if isinstance(original, _RunAttribute):
        return
    is_plain = type(owner).__setattr__ is type.__setattr__
    # What runs for each "x = value", or is looked up by C code in ways of its own.
    is_special = hasattr(type(original), "__set__") or name.startswith("__")
    if is_special or not is_plain or persistent.is_importing():
        refuse(f"setting {owner.__module__}.{owner.__qualname__}.{name}")
    with _guard:
        if not isinstance(owner.__dict__.get(name), _RunAttribute):
            attribute = _RunAttribute(owner, name, original)
            # As the script would have been told: a class of C code cannot be changed.
            setattr(owner, name, attribute)
            _changed.append(attribute)


def restore() -> None:
    """Take all descriptors away again."""
    for attribute in _changed:
        if attribute.owner.__dict__.get(attribute.name) is attribute:
            if attribute.original is _MISSING:
                delattr(attribute.owner, attribute.name)
            else:
                setattr(attribute.owner, attribute.name, attribute.original)
    _changed.clear()
