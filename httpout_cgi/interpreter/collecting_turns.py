"""Turns at the collector: one at a time, and beside nobody whose garbage would speak.

A speaker is a run whose code has finalizers.  What it has dropped must not be found
by others before it asks: so who collects waits until the speakers have ended, or wait
for their turn themselves.  New ones wait for him.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any, Generic, Iterator, List, Optional, TypeVar

_monotonic, _sleep = time.monotonic, time.sleep

# Nobody waits for ever: a finalizer may block, or an interrupt strike between two lines
# here.  In seconds.
_PATIENCE = 30.0
# A speaker that has been at work for longer is not waited for, nor waits to begin: its
# garbage may speak too early, in its own run.
_AT_WORK = 1.0
_LOOK_SECONDS = 0.002


class Speaker:
    """What a run with finalizers has here, from the first of them to its end."""

    def __init__(self) -> None:
        self.is_waiting = False
        self._since = _monotonic()

    def is_at_work(self) -> bool:
        """Tell whether it may have garbage that it has not asked for."""
        return not self.is_waiting and _monotonic() - self._since < _AT_WORK


S = TypeVar("S", bound=Speaker)


class Turns(Generic[S]):
    """Who collects, and the speakers under way."""

    def __init__(self) -> None:
        # A thread may have it twice: finalizers collect, too.
        self._turn = threading.RLock()
        self._speakers: List[S] = []

    def enter(self, speaker: S) -> None:
        """Add a speaker, when nobody collects."""
        turn = self._turn
        is_taken = turn.acquire(timeout=_AT_WORK)
        self._speakers.append(speaker)
        if is_taken:
            turn.release()

    def leave(self, speaker: S) -> None:
        """Forget a speaker, which has ended."""
        self._speakers.remove(speaker)

    def list_others(self, speaker: Optional[S]) -> List[S]:
        """Return the speakers under way but this."""
        return [one for one in self._speakers if one is not speaker]

    @contextmanager
    def taken_by(self, speaker: Optional[S]) -> Iterator[None]:
        """Take a turn, for a speaker or for something that says nothing."""
        if speaker is not None:
            speaker.is_waiting = True
        turn = self._wait()
        try:
            while self._are_at_work(speaker):
                _sleep(_LOOK_SECONDS)
            yield
        finally:
            if speaker is not None:
                speaker.is_waiting = False
            turn.release()

    @contextmanager
    def taken_if_free(self) -> Iterator[bool]:
        """Take a turn, unless that means to wait; tell whether it was taken."""
        turn = self._turn
        is_taken = turn.acquire(blocking=False)
        try:
            yield is_taken and not self._speakers
        finally:
            if is_taken:
                turn.release()

    def _are_at_work(self, speaker: Optional[S]) -> bool:
        return any(one.is_at_work() for one in self.list_others(speaker))

    # Any: the type of locks has no name.
    def _wait(self) -> Any:
        """Return the lock, held; who comes later need not wait for one that is lost."""
        turn = self._turn
        while not turn.acquire(timeout=_PATIENCE):
            if self._turn is turn:
                self._turn = threading.RLock()
            turn = self._turn
        return turn
