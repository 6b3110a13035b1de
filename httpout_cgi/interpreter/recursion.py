"""How deep a run may recurse: its own limit, as far as the threads' stacks bear it.

CPython has one limit for the whole process: it is the highest that a run in flight
has asked for.
"""

from __future__ import annotations

import sys
import threading
from operator import index
from typing import Callable, Dict, List

from httpout_cgi.interpreter.in_runs import replace_in_run
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    undoing,
)

# The stack of each thread: address space, of which only what is used counts.
STACK_BYTES = 32 * 1024 * 1024
# The deepest that such a stack bears.  The hungriest recursion that was found, by way
# of list.sort(key=...), takes 2.6 KB of it for each level.  Since Python 3.12 another
# limit, a fixed one, guards the stack.
_DEEPEST = 10_000 if sys.version_info < (3, 12) else 2**31 - 1

_get_limit = sys.getrecursionlimit
_set_limit = sys.setrecursionlimit

# Guards the two below, and the limit of the process.
_lock = threading.Lock()
_asked: Dict[RunContext, int] = {}
_before = 0


def _ask(run: RunContext, limit: int) -> None:
    global _before
    with _lock:
        if not _asked:
            _before = _get_limit()
        _asked[run] = limit
        _use_highest()


def _end(run: RunContext, limit: List[int]) -> None:
    with _lock:
        if _asked.pop(run, None) is not None:
            _use_highest()


def _use_highest() -> None:
    _set_limit(max(_before, min(_DEEPEST, max(_asked.values(), default=0))))


_of_run: PerRun[List[int]] = PerRun(lambda run: [_get_limit()], _end)


def _set_in_run(run: RunContext, limit: int) -> None:
    limit = index(limit)
    if limit < 1:
        raise ValueError("recursion limit must be greater or equal than 1")
    _of_run.of(run)[0] = limit
    _ask(run, limit)


def _get_in_run(run: RunContext) -> int:
    own = _of_run.find(run)
    if own is not None:
        return own[0]
    return _before if _asked else _get_limit()


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    size = threading.stack_size(STACK_BYTES)

    def restore_size() -> None:
        threading.stack_size(size)

    undo.append(restore_size)
    replace_in_run([sys], "setrecursionlimit", _set_in_run, undo)
    replace_in_run([sys], "getrecursionlimit", _get_in_run, undo)
    return undoing(undo)
