"""Functions that do something else in runs; a run pays nothing for the others."""

from __future__ import annotations

from functools import wraps
from types import ModuleType
from typing import Any, Callable, List, Sequence

from httpout_cgi.interpreter.run_context import current, replace


def replace_in_run(
    modules: Sequence[ModuleType],
    name: str,
    stand_in: Callable[..., Any],
    undo: List[Callable[[], None]],
) -> None:
    """Let runs call ``stand_in``, with the run before the arguments.

    A module that has another function of that name keeps it: it calls ours.
    """
    original = getattr(modules[0], name, None)
    if original is None:
        return  # not on this system

    # Any: whatever the original takes.
    @wraps(original)
    def call(*arguments: Any, **keywords: Any) -> Any:
        run = current.get()
        if run is None:
            return original(*arguments, **keywords)
        return stand_in(run, *arguments, **keywords)

    for module in modules:
        if getattr(module, name, None) is original:
            replace(module, name, call, undo)
