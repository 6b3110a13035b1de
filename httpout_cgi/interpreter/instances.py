"""Where the instances of a run's classes are: told by counting references.

To look for them among all objects takes a hundred times as long.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any, Dict, List

from httpout_cgi.interpreter.run_context import RunContext

_count = sys.getrefcount


def are_in_sight(run: RunContext, finalizers: int) -> bool:
    """Tell whether modules alone hold all instances that have finalizers.

    ``finalizers`` is how many classes there should be; False in doubt: one may be in a
    function, have subclasses, or instances in a list.
    """
    modules = [*run.__dict__.get("loaded", ()), run.main]
    namespaces = [vars(module) for module in modules if module is not None]
    classes = [kind for each in namespaces for kind in _find_classes(each)]
    if len(classes) != finalizers:
        return False
    return not any(_count_hidden(kind, namespaces) for kind in classes)


# Any, from here on: what a module holds.
def _find_classes(namespace: Dict[str, Any]) -> List[type]:
    """Return those with a finalizer that were made in the module."""
    return [
        value
        for value in namespace.values()
        if isinstance(value, type) and _finalizes_by(value, namespace)
    ]


def _finalizes_by(kind: type, namespace: Dict[str, Any]) -> bool:
    function = kind.__dict__.get("__del__")
    return isinstance(function, FunctionType) and function.__globals__ is namespace


def _count_hidden(kind: type, namespaces: List[Dict[str, Any]]) -> int:
    """Count what refers to the class and is no instance that a module alone holds."""
    hidden = _count_references(kind) - _OF_CLASS
    for namespace in namespaces:
        for value in namespace.values():
            if type(value) is kind and _count(value) == _OF_INSTANCE:
                hidden -= 1
    return hidden


def _count_references(kind: type) -> int:
    """Count the references to a class, without those of its own parts."""
    count = _count(kind)
    for value in list(kind.__dict__.values()):
        count -= getattr(value, "__objclass__", None) is kind
        for cell in getattr(value, "__closure__", None) or ():
            count -= _holds(cell, kind)
    return count


def _holds(cell: Any, kind: type) -> bool:
    try:
        return cell.cell_contents is kind
    except ValueError:  # an empty one
        return False


# What is counted where there is nothing to be counted: some are ours, and how many
# differs from one Python to another.
_OF_CLASS = _OF_INSTANCE = 0


def _calibrate() -> None:
    global _OF_CLASS, _OF_INSTANCE
    namespace: Dict[str, Any] = {}
    exec("class Empty:\n    def __del__(self): pass", namespace)
    classes = [kind for each in [namespace] for kind in _find_classes(each)]
    _OF_CLASS = next(_count_hidden(kind, [namespace]) for kind in classes)
    namespace["value"] = classes[0]()
    for value in namespace.values():
        if type(value) is classes[0]:
            _OF_INSTANCE = _count(value)


_calibrate()
