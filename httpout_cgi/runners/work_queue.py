"""The one queue between the loop and the runner's threads.

It wakes no more threads than it needs.  Under the GIL, sixteen threads woken for
sixteen quick runs only stand in each other's way: four switches a run instead of one,
and half of the requests per second.  So one thread is woken for all that the loop has
put in one turn, and more only if what was put is still there a moment later, because
the runs wait for something.
"""

import asyncio
from collections import deque
from queue import SimpleQueue
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
        # One for each thread to wake; one that finds no items waits for another.
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._taken = 0  # about: threads count without a lock
        self._taken_before = 0
        self._is_rousing = False
        self._is_watching = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item; a thread is woken when the loop has done its turn."""
        self._items.append(item)
        if not self._is_rousing:
            self._is_rousing = True
            self._loop.call_soon(self._rouse)

    def take(self) -> Item:
        """Wait for an item and return it."""
        while True:
            try:
                item = self._items.popleft()
            except IndexError:
                self._tokens.get()
            else:
                self._taken += 1
                return item

    def _rouse(self) -> None:
        self._is_rousing = False
        # A token that nobody has taken yet is a thread on its way.
        if self._items and self._tokens.empty():
            self._tokens.put(None)
        if self._items and not self._is_watching:
            self._is_watching = True
            self._taken_before = self._taken
            self._loop.call_later(_PATIENCE_SECONDS, self._watch)

    def _watch(self) -> None:
        """Wake a thread for each item if those that are awake are held up."""
        waiting = len(self._items)
        if self._taken - self._taken_before < _QUICK:
            for _ in range(waiting - self._tokens.qsize()):
                self._tokens.put(None)
        self._taken_before = self._taken
        self._is_watching = waiting > 0
        if self._is_watching:
            self._loop.call_later(_PATIENCE_SECONDS, self._watch)
