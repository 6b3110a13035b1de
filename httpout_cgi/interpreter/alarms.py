"""Alarms of a run: signal.alarm() and setitimer() without a real signal."""

from __future__ import annotations

import _thread
import errno
import os
import signal
import sys
from contextlib import suppress
from operator import index
from time import monotonic
from typing import Callable, List, Optional, Tuple

from httpout_cgi.interpreter import lifetime, run_signals
from httpout_cgi.interpreter.in_runs import replace_in_run
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import AT_EXIT, PerRun, RunContext, undoing
from httpout_cgi.interpreter.thread_exceptions import wait


class _Timer:
    """One that is set; a thread of the run waits for it."""

    def __init__(self, run: RunContext, seconds: float, interval: float) -> None:
        self.interval = interval
        self._run = run
        self._due = monotonic() + seconds
        # Held until the timer is cancelled.
        self._lock = _thread.allocate_lock()
        self._lock.acquire()
        lifetime.start_raw_thread(run, self._work, ())

    @property
    def remaining(self) -> float:
        return max(0.0, self._due - monotonic())

    @property
    def is_set(self) -> bool:
        return self._lock.locked()

    def cancel(self) -> None:
        with suppress(RuntimeError):  # it was over
            self._lock.release()

    def _work(self) -> None:  # pragma: no cover - no tracer comes here
        signals = run_signals.of_run.of(self._run)
        while not wait(self._lock, self.remaining):
            if self.interval:
                self._due += self.interval
            else:
                self.cancel()
            signals.deliver(signal.SIGALRM)
            if not self.interval:
                return


class _Alarm:
    """The one timer that a process has for ITIMER_REAL."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._timer: Optional[_Timer] = None

    def look(self) -> Tuple[float, float]:
        """Return how long until the timer is due, and its interval."""
        timer = self._timer
        if timer is None or not timer.is_set:
            return (0.0, 0.0)
        # Not 0, which would say that it is not set.
        return (max(timer.remaining, 1e-6), timer.interval)

    def set(self, seconds: float, interval: float = 0.0) -> Tuple[float, float]:
        """Set the timer anew, or none for 0 seconds; return what ``look`` said."""
        before = self.look()
        self.cancel()
        if seconds > 0:
            run_signals.of_run.of(self._run)  # is in the thread that is the script's
            self._timer = _Timer(self._run, seconds, interval)
        return before

    def cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


_of_run: PerRun[_Alarm] = PerRun(_Alarm, lambda run, alarm: alarm.cancel(), AT_EXIT)


def _set_alarm(run: RunContext, seconds: int) -> int:
    remaining, _ = _of_run.of(run).set(index(seconds))
    # As the kernel rounds it: an alarm that is set is never 0.
    return max(1, round(remaining)) if remaining else 0


def _set_itimer(
    run: RunContext, which: int, seconds: float, interval: float = 0.0
) -> Tuple[float, float]:
    _check(which)
    seconds, interval = float(seconds), float(interval)
    if seconds < 0 or interval < 0:
        raise signal.ItimerError(errno.EINVAL, os.strerror(errno.EINVAL))
    return _of_run.of(run).set(seconds, interval)


def _get_itimer(run: RunContext, which: int) -> Tuple[float, float]:
    _check(which)
    return _of_run.of(run).look()


def _check(which: int) -> None:
    if which != signal.ITIMER_REAL:
        # They count the processor time of all runs.
        raise ProcessNeededError("signal.setitimer")


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    modules = (sys.modules["_signal"], signal)
    replace_in_run(modules, "alarm", _set_alarm, undo)
    replace_in_run(modules, "setitimer", _set_itimer, undo)
    replace_in_run(modules, "getitimer", _get_itimer, undo)
    return undoing(undo)
