"""contextvars.Context() for each run: an empty context is one of its run, too.

It holds the run, and what each new thread of the run begins with.
"""

from __future__ import annotations

import contextvars
import sys
from contextvars import Context
from typing import Any, Callable, List

from httpout_cgi.interpreter.run_context import (
    current_for_changes,
    new_context,
    replace,
    undoing,
)


class _Passes(type):
    """The class of what stands in for a class that has no subclasses."""

    # Any: as the original, which says what it does not take.
    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        run = current_for_changes()
        if run is None or arguments or keywords:
            return Context(*arguments, **keywords)
        return new_context(run)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Context)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, Context)

    def __eq__(cls, other: object) -> bool:
        return other is Context or other is RunContexts

    def __hash__(cls) -> int:
        return hash(Context)

    def __getattribute__(cls, name: str) -> Any:
        return getattr(Context, name)

    def __repr__(cls) -> str:
        return repr(Context)


class RunContexts(metaclass=_Passes):
    """Stands in for contextvars.Context."""

    def __init_subclass__(cls) -> None:
        raise TypeError(f"type {Context.__name__!r} is not an acceptable base type")


def install() -> Callable[[], None]:
    """Put the stand-in in place; return what takes it away again."""
    undo: List[Callable[[], None]] = []
    for module in (contextvars, sys.modules["_contextvars"]):
        replace(module, "Context", RunContexts, undo)
    return undoing(undo)
