"""The one queue between the loop and the runner's threads.

It wakes no more threads than it needs.  Under the GIL, sixteen threads woken for
sixteen quick runs only stand in each other's way: four switches a run instead of one,
and half of the requests per second.  So one thread is woken for all that the loop has
put in one turn, and more only if what was put is still there a moment later, because
the runs wait for something: twice as many each time, for it may as well be the loop, or
the machine, that is busy.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")

# How long a run may keep the others from being taken before more threads are woken.
_PATIENCE_SECONDS = 0.001
# Runs that are taken in that time where they are quick.
_QUICK = 4


class WorkQueue(Generic[Item]):
    """First in, first out.  The loop's thread puts, any number of others take."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Item] = deque()
        # A lock, held, for each thread that waits; the last one is woken first, for
        # its stack is still in the processor's cache.
        self._parked: deque[threading.Lock] = deque()
        # Hints, not guarded: a thread is coming, and has not taken anything yet; how
        # many items were taken.
        self._is_one_coming = False
        self._taken = 0
        self._taken_before = 0
        self._is_rousing = False
        self._is_watching = False
        # How many are woken the next time that runs turn out to be held up.
        self._next = 1

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item; a thread is woken when the loop has done its turn."""
        self._items.append(item)
        if self._is_one_coming and self._is_watching:
            return  # a turn of the loop less
        if not self._is_rousing:
            self._is_rousing = True
            self._loop.call_soon(self._rouse)

    def put_at_once(self, items: Sequence[Item]) -> None:
        """Add items and wake all threads, without waiting for the loop."""
        self._items.extend(items)
        self._wake(len(self._parked))

    def take(self) -> Item:
        """Wait for an item and return it."""
        while True:
            try:
                item = self._items.popleft()
            except IndexError:
                self._park()
            else:
                self._is_one_coming = False
                self._taken += 1
                return item

    def announce(self) -> None:
        """Note that the caller, a thread, is about to take what comes next."""
        self._is_one_coming = True

    def _park(self) -> None:
        """Wait until woken; return at once if an item has come meanwhile."""
        self._is_one_coming = False
        lock = threading.Lock()
        lock.acquire()
        self._parked.append(lock)
        if self._items:
            # If it is not there, it is about to be released: nothing to wait for.
            with suppress(ValueError):
                self._parked.remove(lock)
            return
        lock.acquire()

    def _wake(self, count: int) -> None:
        for _ in range(count):
            self._is_one_coming = True
            try:
                lock = self._parked.pop()
            except IndexError:
                # All are at work, and look here before they wait again.
                self._is_one_coming = False
                return
            lock.release()

    def _rouse(self) -> None:
        self._is_rousing = False
        if not self._items:
            return
        if not self._is_one_coming:
            self._wake(1)
        if not self._is_watching:
            self._is_watching = True
            self._next = 1
            self._taken_before = self._taken
            self._loop.call_later(_PATIENCE_SECONDS, self._watch)

    def _watch(self) -> None:
        """Wake more threads if those that are awake are held up."""
        waiting = len(self._items)
        if self._taken - self._taken_before < _QUICK:
            self._wake(min(waiting, self._next))
            self._next *= 2
        else:
            self._next = 1
        self._taken_before = self._taken
        self._is_watching = waiting > 0
        if self._is_watching:
            self._loop.call_later(_PATIENCE_SECONDS, self._watch)
