"""Raise an exception in another thread, and wake it from what it waits for.

Must not know what a run is.
"""

from __future__ import annotations

import _thread
import ctypes
import sys
import threading
from contextlib import suppress
from typing import Any, Optional, Set, Type

# Threads in what is ours, where an exception could leave it half done, say with the
# lock of a log handler held.
in_our_code: Set[int] = set()

# Threads in which an exception was raised that nobody may have seen yet.
_struck: Set[int] = set()

_TIMEOUT_MAX = threading.TIMEOUT_MAX
_CONDITION_WAIT = threading.Condition.wait.__code__


def raise_in_thread(thread_id: int, exception: Type[BaseException]) -> None:
    """Raise an exception in a thread at one of its next bytecodes.

    While it waits for a thread that is blocked, CPython 3.11 is slower, and code that
    is traced (by coverage) spins for good.  It cannot be taken back: that leaves
    CPython's eval breaker set.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread_id), ctypes.py_object(exception)
    )


def strike(thread_id: int, exception: Type[BaseException]) -> bool:
    """Raise an exception in a thread, awake or asleep; False if now is no good time."""
    if thread_id in in_our_code:
        return False
    _struck.add(thread_id)
    raise_in_thread(thread_id, exception)
    _wake(thread_id)
    return True


def absorb() -> None:
    """Let what others have raised in this thread strike here, if it did not yet."""
    thread_id = _thread.get_ident()
    if thread_id in _struck:
        try:
            # It strikes at a jump.
            for _ in range(10):
                pass
        except BaseException:  # whatever it was, it came too late
            pass
        _struck.discard(thread_id)


def make_raiser(exc: BaseException) -> Type[BaseException]:
    """Return a class for raise_in_thread whose only instance is ``exc`` itself.

    CPython takes only a class, and calls it; "except" must find the class of ``exc``.
    """
    kind = type(exc)
    try:
        return type(kind.__name__, (kind,), {"__new__": lambda cls: exc})
    except Exception:  # a class that refuses to be inherited from
        return kind


# Any: a lock of _thread.
def wait(lock: Any, seconds: Optional[float] = None) -> bool:
    """Acquire a lock that is held, so that ``strike`` can end the waiting.

    Without ``seconds`` wait for ever; tell whether the lock was released.
    """
    timeout = -1.0 if seconds is None else min(seconds, _TIMEOUT_MAX)
    return lock.acquire(True, timeout)  # type: ignore[no-any-return]


_WAIT = wait.__code__


def _wake(thread_id: int) -> None:
    """Release the lock that a thread waits for, if nobody else would miss it."""
    frame = sys._current_frames().get(thread_id)
    if frame is None:
        return
    if frame.f_code is _WAIT:
        with suppress(RuntimeError):  # released already
            frame.f_locals["lock"].release()
    elif frame.f_code is _CONDITION_WAIT:
        # In Condition.wait(), and so in Event, Queue and Future.  Whoever takes the
        # lock out of the list of waiters has the right to release it, once.
        names = frame.f_locals
        with suppress(KeyError, ValueError, RuntimeError):
            names["self"]._waiters.remove(names["waiter"])
            names["waiter"].release()
