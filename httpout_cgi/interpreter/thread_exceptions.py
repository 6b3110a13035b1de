"""Raise an exception in another thread, and wake it from what it waits for.

Must not know what a run is.
"""

from __future__ import annotations

import _thread
import ctypes
import sys
import threading
import time
from contextlib import contextmanager
from itertools import repeat
from operator import is_
from types import FrameType
from typing import Any, Dict, Iterator, Optional, Sequence, Set, Type

# Threads in what is ours, where an exception could leave it half done, say with the
# lock of a log handler held; see undisturbed().
in_our_code: Set[int] = set()

# What they are to raise as soon as they leave it, by thread.
due_outside: Dict[int, Type[BaseException]] = {}

# Threads in which an exception was raised that nobody may have seen yet.
_struck: Set[int] = set()

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc
_give_way = time.sleep
# As long as CPython lets a thread have its lock while others want it.
_TRACED_SECONDS = 0.005
# That a busy machine may need to let one of them have it.
_TRACED_TURNS = 200

_TIMEOUT_MAX = threading.TIMEOUT_MAX
_CONDITION_WAIT = threading.Condition.wait.__code__


def strike(
    thread_ids: Sequence[int],
    exception: Type[BaseException],
    *,
    is_patient: bool = False,
) -> bool:
    """Raise an exception in threads, awake or asleep.

    It strikes at one of the next bytecodes.  Returns False if now is no good time for
    one of them, which raises it later if it ``is_patient``.
    """
    found = [one for one in thread_ids if one not in in_our_code]
    if is_patient and len(found) < len(thread_ids):
        _defer(set(thread_ids).difference(found), exception)
    _struck.update(found)
    ids = [ctypes.c_ulong(one) for one in found]
    own_id, raised = ctypes.c_ulong(_thread.get_ident()), ctypes.py_object(exception)
    releases = [release for release in map(_find_release, found) if release is not None]
    asleep = _find_sleepers(found)
    # From here on, no call of what is written in Python.  CPython 3.11 does not get
    # beyond the entry of any function that is traced while a thread that is blocked
    # has not seen its exception.
    for one in ids:
        _set_async_exc(one, raised)
    for release in releases:
        try:  # noqa: SIM105 - suppress() is written in Python
            release()
        except RuntimeError:  # pragma: no cover - it was released meanwhile
            pass
    if sys.gettrace() is not None:  # pragma: no branch - or who would measure it
        # So it is taken back soon, but not before those who were woken have left their
        # wait(): they would go on as if it had been for that.  That leaves a flag set,
        # until some exception of the kind arrives.
        try:
            _give_way(_TRACED_SECONDS)
            turns = repeat(True, _TRACED_TURNS)
            while next(turns, False) and any(
                map(is_, map(sys._current_frames().get, asleep), asleep.values())
            ):
                _give_way(_TRACED_SECONDS)
            for one in ids:
                _set_async_exc(one, None)
            _set_async_exc(own_id, ctypes.py_object(_Arrival))
            for _ in range(10):
                pass
        except _Arrival:
            pass
    return len(found) == len(thread_ids)


def _defer(thread_ids: Set[int], exception: Type[BaseException]) -> None:
    for one in thread_ids:
        due_outside[one] = exception
        if one not in in_our_code:  # pragma: no cover - it has just left
            due_outside.pop(one, None)


class _Arrival(BaseException):
    """What a thread raises in itself."""


@contextmanager
def undisturbed(*, is_last: bool = False) -> Iterator[None]:
    """Keep out of this what other threads raise here; what is due is raised behind it.

    Not where that ``is_last`` in a run: its end must not be cut short, and absorbs it.
    """
    thread_id = _thread.get_ident()
    if thread_id in in_our_code:
        yield  # whatever is around it sees to that
        return
    in_our_code.add(thread_id)
    try:
        yield
    finally:
        in_our_code.discard(thread_id)
        if not is_last:
            raise_due(thread_id)


def raise_due(thread_id: int) -> None:
    """Raise what was due in this thread, which has left our code."""
    due = due_outside.pop(thread_id, None)
    if due is not None:
        raise due


def absorb() -> None:
    """Let what others have raised in this thread strike here, if it did not yet."""
    thread_id = _thread.get_ident()
    due_outside.pop(thread_id, None)
    if thread_id in _struck:
        try:
            # It strikes at a jump.
            for _ in range(10):
                pass
        except BaseException:  # whatever it was, it came too late
            pass
        _struck.discard(thread_id)


def make_raiser(  # pragma: no cover - called where no tracer comes
    exc: BaseException,
) -> Type[BaseException]:
    """Return a class for strike() whose only instance is ``exc`` itself.

    CPython takes only a class, and calls it; "except" must find the class of ``exc``.
    """
    kind = type(exc)
    try:
        return type(kind.__name__, (kind,), {"__new__": lambda cls, *_: exc})
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


def _find_sleepers(thread_ids: Sequence[int]) -> Dict[int, FrameType]:
    """Return the frames of those that are about to be woken, if somebody traces."""
    if sys.gettrace() is None:
        return {}
    sleepers = {}
    for one in thread_ids:
        frame = sys._current_frames().get(one)
        if frame is not None and frame.f_code in (_WAIT, _CONDITION_WAIT):
            sleepers[one] = frame
    return sleepers


# Any: the method of a lock of _thread.
def _find_release(thread_id: int) -> Any:
    """Return what releases the lock that a thread waits for, if nobody will miss it."""
    frame = sys._current_frames().get(thread_id)
    if frame is None:
        return None
    if frame.f_code is _WAIT:
        return frame.f_locals["lock"].release
    if frame.f_code is not _CONDITION_WAIT:
        return None
    # In Condition.wait(), and so in Event, Queue and Future.  Whoever takes the lock
    # out of the list of waiters has the right to release it, once.
    names = frame.f_locals
    try:
        names["self"]._waiters.remove(names["waiter"])
    except (KeyError, ValueError):  # it does not wait yet, or not any more
        return None
    return names["waiter"].release
