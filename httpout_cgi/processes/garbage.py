"""Garbage: the loop collects cycles, never a script's thread.

CPython collects wherever an object happens to be made.  In the midst of a run, the
finalizers of other runs' garbage would print into its response.
"""

import asyncio
import gc

from httpout_cgi.interpreter.last_words import collect_outside

# CPython's own idea of when there is enough to collect, by generation.
_THRESHOLDS = gc.get_threshold()
_OFTEN_SECONDS = 0.1
_SELDOM_SECONDS = 1.0


def take_over(loop: asyncio.AbstractEventLoop) -> None:
    """Collect in the loop's thread from now on; what exists now stays for good."""
    gc.collect()
    gc.freeze()
    gc.disable()
    loop.call_later(_SELDOM_SECONDS, _look, loop)


def _look(loop: asyncio.AbstractEventLoop) -> None:
    is_busy = collect()
    loop.call_later(_OFTEN_SECONDS if is_busy else _SELDOM_SECONDS, _look, loop)


def collect() -> bool:
    """Collect as much as is due; tell whether there was anything."""
    youngest, middle, oldest = gc.get_count()
    if youngest <= _THRESHOLDS[0]:
        return False
    if middle <= _THRESHOLDS[1]:
        collect_outside(0)
    else:
        collect_outside(1 if oldest <= _THRESHOLDS[2] else 2)
    return True
