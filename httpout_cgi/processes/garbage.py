"""Garbage: the loop collects cycles, never a script's thread.

CPython collects wherever an object happens to be made.  In the midst of a run, the
finalizers of other runs' garbage would print into its response.
"""

import asyncio
import gc
import threading
import time

from httpout_cgi.interpreter.last_words import (
    collect_in_turn,
    collect_outside,
    find_due,
)

_monotonic = time.monotonic
_OFTEN_SECONDS = 0.1
_SELDOM_SECONDS = 1.0


def take_over(loop: asyncio.AbstractEventLoop) -> None:
    """Collect when the loop finds it due; what exists now stays for good."""
    gc.collect()
    gc.freeze()
    gc.disable()
    Collector(loop).begin()


class Collector:
    """Looks now and then, in the loop; runs with finalizers may put it off a little."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._last = _monotonic()

    def begin(self) -> None:
        """Look for the first time, later."""
        self._loop.call_later(_SELDOM_SECONDS, self._look)

    def _look(self) -> None:
        is_busy = self.collect()
        self._loop.call_later(
            _OFTEN_SECONDS if is_busy else _SELDOM_SECONDS, self._look
        )

    def collect(self) -> bool:
        """Collect as much as is due; tell whether there was anything."""
        generation, now = find_due(), _monotonic()
        if generation is None or collect_outside(generation):
            self._last = now
        elif now - self._last > _SELDOM_SECONDS:
            self._last = now
            # It waits for those runs, as the loop must not.
            threading.Thread(target=collect_in_turn, args=(generation,)).start()
        return generation is not None
