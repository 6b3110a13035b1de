"""Forks of a pool: what a child does as there could have been threads is left out.

It would write to hundreds of pages that the child shares with its pool otherwise, each
of which is copied then.  Standard library only.
"""

from __future__ import annotations

import logging
import os
import threading
from signal import SIGKILL
from types import CodeType, FunctionType
from typing import Any, Callable, List, Tuple

try:
    import ctypes

    # Any: typeshed does not know what a library has.
    _prctl: Any = ctypes.CDLL(None).prctl
except (ImportError, AttributeError, OSError):  # not Linux
    _prctl = None

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4

_Changed = List[Tuple[FunctionType, CodeType]]


def spare_children() -> None:
    """Leave it out in the children of this process; theirs are as ever."""
    pool = os.getpid()
    changed: _Changed = []
    # Any: typeshed does not know them, and not every Python has them.
    forked: Any = getattr(threading, "_after_fork", None)
    relocked: Any = getattr(logging, "_after_at_fork_child_reinit_locks", None)
    for function, code in ((forked, _nothing), (relocked, _unlock)):
        if isinstance(function, FunctionType):
            changed.append((function, function.__code__))
            function.__code__ = code.__code__
    os.register_at_fork(before=_make_restorer(pool, changed))


def end_with_pool(pool: int) -> None:
    """Let this child be killed when its pool dies: nobody else knows its time limit.

    A script may have killed it, or the machine for want of memory.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(SIGKILL), 0, 0, 0)
    if os.getppid() != pool:
        os._exit(0)


def close_to_others() -> None:
    """Keep other processes of the account, its scripts above all, out of this one.

    By ptrace(), /proc/PID/mem or /proc/PID/fd a script could read what others are sent,
    take the listening socket, and empty the error log of the server: it is open here.
    """
    if _prctl is not None:
        _prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def open_to_others() -> None:
    """Undo it in a child: what is a script's, debuggers of the account may see."""
    if _prctl is not None:
        _prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def _make_restorer(pool: int, changed: _Changed) -> Callable[[], None]:
    def restore() -> None:
        if changed and os.getpid() != pool:
            while changed:
                function, code = changed.pop()
                function.__code__ = code

    return restore


def _nothing() -> None:
    """Be threading._after_fork: there was one thread, and there is."""


def _unlock() -> None:
    """Undo what logging does before a fork; runs among its names."""
    _lock.release()


_lock: Any = None
