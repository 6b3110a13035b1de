"""The stand-ins of this process: all in, or all out.

They are installed once; what they show is looked up in the current run.
"""

from __future__ import annotations

from typing import Callable, List

from httpout_cgi.interpreter import (
    alarms,
    child_waits,
    children,
    clocks,
    collector,
    descriptors,
    environment,
    file_locks,
    file_state,
    ignored_failures,
    imports,
    lifetime,
    loaders,
    opening,
    own_frames,
    pickling,
    recursion,
    refusals,
    run_asyncio,
    run_contexts,
    run_decimal,
    run_finalizers,
    run_linecache,
    run_logging,
    run_random,
    run_tempfile,
    run_threads,
    run_warnings,
    script_builtins,
    shared_modules,
    signal_calls,
    system,
)

# In this order.  Each has install(), which returns what takes it away again.
_PARTS = (
    environment,
    system,
    imports,
    loaders,
    pickling,
    shared_modules,
    script_builtins,
    run_threads,
    lifetime,
    run_finalizers,
    run_asyncio,
    signal_calls,
    alarms,
    clocks,
    recursion,
    refusals,
    run_warnings,
    run_logging,
    run_random,
    run_tempfile,
    run_linecache,
    run_contexts,
    run_decimal,
    collector,
    file_locks,
    file_state,
    own_frames,
    ignored_failures,
    descriptors,
    opening,
    children,
    child_waits,
)

_undo: List[Callable[[], None]] = []


def install() -> None:
    """Put all stand-ins in place; does nothing if they are."""
    if not _undo:
        for part in _PARTS:
            _undo.append(part.install())


def prepare() -> None:
    """Do what ``install`` would do in each child of this process, before a fork."""
    pickling.prepare()
    refusals.prepare()


def uninstall() -> None:
    """Take all stand-ins away; no run may be under way."""
    while _undo:
        _undo.pop()()
