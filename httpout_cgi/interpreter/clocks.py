"""Sleep and processor time of a run.

Sleep can be ended by whoever ends the run.  The processor time is that of the run's
own thread since the run began, of its threads that have ended, and of the caller.
"""

from __future__ import annotations

import _thread
import os
import sys
import time
from typing import Any, Callable, Dict, List

from httpout_cgi.interpreter import run_threads
from httpout_cgi.interpreter.in_runs import replace_in_run
from httpout_cgi.interpreter.run_context import PerRun, RunContext, undoing
from httpout_cgi.interpreter.thread_exceptions import wait

try:
    import resource
except ImportError:  # pragma: no cover - Windows
    resource = None  # type: ignore[assignment]

_sleep = time.sleep
_clock_gettime_ns = getattr(time, "clock_gettime_ns", None)
_times = os.times

# The clock of a thread when it began its run.  A look at it costs a system call: no
# runner has to take one before a script has asked for such a time.
_began: Dict[int, int] = {}
_is_in_use = False

# What the threads of the run took that have ended.
_ended: PerRun[List[int]] = PerRun(lambda run: [])


def begin() -> None:
    """Note that the calling thread begins a run."""
    if _is_in_use:
        _began[_thread.get_ident()] = time.thread_time_ns()


def end_thread(run: RunContext) -> None:
    """Note that the calling thread, one that the run has started, ends."""
    if _is_in_use:
        _ended.of(run).append(time.thread_time_ns())


def _spent_ns(run: RunContext) -> int:
    global _is_in_use
    _is_in_use = True
    return _living_ns(run) + sum(_ended.find(run) or ())


def _living_ns(run: RunContext) -> int:
    main_id = run_threads.main_thread_id(run)
    own = time.thread_time_ns()
    if main_id == _thread.get_ident():
        # The first run that asks was not noted when it began: it begins now.
        return own - _began.setdefault(main_id, own)
    main = time.clock_gettime_ns(time.pthread_getcpuclockid(main_id))
    return own + main - _began.setdefault(main_id, main)


def _sleep_in_run(run: RunContext, seconds: Any) -> None:
    if not isinstance(seconds, (int, float)) or not seconds > 0:
        _sleep(seconds)  # what it raises
        return
    lock = _thread.allocate_lock()
    lock.acquire()
    wait(lock, seconds)


def _process_time(run: RunContext) -> float:
    return _spent_ns(run) / 1e9


def _is_process_clock(clock: object) -> bool:
    return clock == time.CLOCK_PROCESS_CPUTIME_ID


# Any: a stand-in for the clock of a module in C.
def _getting_time(original: Any, spent: Callable[[RunContext], Any]) -> Any:
    def clock_gettime(run: RunContext, clock: int) -> Any:
        return spent(run) if _is_process_clock(clock) else original(clock)

    return clock_gettime


def _shares(run: RunContext) -> List[float]:
    """Split the time into that of the user and of the system, as the thread's is."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    spent, total = _spent_ns(run) / 1e9, usage.ru_utime + usage.ru_stime
    system = spent * usage.ru_stime / total if total else 0.0
    return [spent - system, system]


def _times_in_run(run: RunContext) -> os.times_result:
    return os.times_result([*_shares(run), *_times()[2:]])


def _getting_usage(original: Any) -> Any:
    def getrusage(run: RunContext, who: int) -> Any:
        if who != resource.RUSAGE_SELF:
            return original(who)
        shares = _shares(run)
        usage = original(resource.RUSAGE_THREAD)
        return type(usage)([*shares, *usage[2:]])

    return getrusage


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace_in_run([time], "sleep", _sleep_in_run, undo)
    replace_in_run([time], "process_time", _process_time, undo)
    replace_in_run([time], "process_time_ns", _spent_ns, undo)
    if hasattr(time, "pthread_getcpuclockid"):
        for name, spent in (
            ("clock_gettime", _process_time),
            ("clock_gettime_ns", _spent_ns),
        ):
            stand_in = _getting_time(getattr(time, name), spent)
            replace_in_run([time], name, stand_in, undo)
    if hasattr(resource, "RUSAGE_THREAD"):
        stand_in = _getting_usage(resource.getrusage)
        replace_in_run([resource], "getrusage", stand_in, undo)
        replace_in_run([os, sys.modules[os.name]], "times", _times_in_run, undo)
    return undoing(undo)
