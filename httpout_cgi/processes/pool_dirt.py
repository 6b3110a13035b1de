"""Dirt: what a run has left in its process that ends only with it.

Looked for after each run of a kept child, so it has to cost next to nothing.  Standard
library only.
"""

from __future__ import annotations

import _thread
import os
import resource
import sys
import time

from httpout_cgi.interpreter.last_words import collect_outside, find_due
from httpout_cgi.processes.pool_settings import Limits
from httpout_cgi.processes.resident import measure_resident

_DESCRIPTORS = "/proc/self/fd"
# How much more than at first a child may have before it is replaced.
_GROWTH = 64 << 20
# Between looks at its memory, and all of its descriptors, in runs.
_SELDOM = 32
# So many times as much garbage as CPython allows, for somebody waits meanwhile.
_PATIENCE = 10

_stat, _waitpid, _process_time = os.stat, os.waitpid, time.process_time
_setrlimit = resource.setrlimit


class Dirt:
    """Knows what there was before the first run.

    Collects garbage as well, which must not speak in a run of another, and lets the
    limit on processor time begin anew.
    """

    def __init__(self, limits: Limits) -> None:
        given = dict(limits)
        self._cpu = given.get("cpu")
        self._spent = -1
        self._lowest = 0
        self._runs = 0

    def look(self) -> None:
        """See what there is, before the first run."""
        self._descriptors = _count_descriptors()
        self._tracers = sys.gettrace(), sys.getprofile()
        self._threads = _thread._count()
        self._memory = measure_resident() or 0
        self._extend_limit()

    def is_there(self) -> bool:
        """Tell whether anything was left, and make ready for the next run."""
        if _thread._count() != self._threads or _has_children():
            return True
        generation = find_due(_PATIENCE)
        if generation is not None:
            collect_outside(generation)
        if (sys.gettrace(), sys.getprofile()) != self._tracers:
            return True
        self._extend_limit()
        self._runs += 1
        if self._runs % _SELDOM:
            return False
        if _count_descriptors() != self._descriptors:
            return True
        return (measure_resident() or 0) > self._memory + _GROWTH

    def is_seen_in(self, number: int) -> bool:
        """Tell whether a run has left a descriptor open, by that of a new connection.

        They are given out from the lowest that is free; those above are counted now
        and then.
        """
        if not self._lowest:
            self._lowest = number
        return number != self._lowest

    def _extend_limit(self) -> None:
        """Let the next run have as much processor time as the first."""
        if self._cpu is None:
            return
        spent = int(_process_time()) + 1
        if spent != self._spent:
            self._spent = spent
            _, hard = resource.getrlimit(resource.RLIMIT_CPU)
            soft = self._cpu + spent
            if hard != resource.RLIM_INFINITY:
                soft = min(soft, hard)
            _setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _has_children() -> bool:
    try:
        _waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _count_descriptors() -> int:
    # Linux 6.2 tells the number as a size; before, it is 0.
    try:
        return _stat(_DESCRIPTORS).st_size or len(os.listdir(_DESCRIPTORS))
    except OSError:  # pragma: no cover - not Linux
        return 0
