"""The stand-ins of this process: all in, or all out.

They are installed once; what they show is looked up in the current run.
"""

from __future__ import annotations

from typing import Callable, List

from httpout_cgi.interpreter import (
    children,
    descriptors,
    environment,
    imports,
    lifetime,
    refusals,
    run_warnings,
    script_builtins,
    shared_modules,
    system,
)

# In this order.  Each has install(), which returns what takes it away again.
_PARTS = (
    environment,
    system,
    imports,
    shared_modules,
    script_builtins,
    lifetime,
    refusals,
    run_warnings,
    descriptors,
    children,
)

_undo: List[Callable[[], None]] = []


def install() -> None:
    """Put all stand-ins in place; does nothing if they are."""
    if not _undo:
        for part in _PARTS:
            _undo.append(part.install())


def uninstall() -> None:
    """Take all stand-ins away; no run may be under way."""
    while _undo:
        _undo.pop()()
