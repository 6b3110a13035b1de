"""The end of a module: its namespace is emptied, as the interpreter's end does."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Dict

# Values whose end nobody can notice, or that __del__ methods may need.
_PLAIN = frozenset(
    (
        *(str, bytes, int, float, bool, type(None), type),
        *(FunctionType, ModuleType, BuiltinFunctionType, CodeType, SourceFileLoader),
    )
)


# Any: whatever a module holds.
def clear(namespace: Dict[str, Any]) -> bool:
    """Drop objects first, so that their __del__ still finds functions and modules.

    Returns whether that may have run code.
    """
    annotations = namespace.get("__annotations__")
    if type(annotations) is dict and not annotations:
        del namespace["__annotations__"]  # each script begins with them
    doomed = [
        name
        for name, value in namespace.items()
        if type(value) not in _PLAIN and not isinstance(value, (type, ModuleType))
    ]
    for name in doomed:
        namespace[name] = None
    namespace.clear()
    return bool(doomed)
