"""Signals of a run: handlers and kills that never reach the server.

A handler is called in the script's own thread if the signal is raised there, else in
a helper thread; what it raises is raised in the script's thread.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
from contextlib import suppress
from contextvars import Context
from time import monotonic, sleep
from types import FrameType
from typing import Any, Dict, List, Optional

from httpout_cgi.interpreter import lifetime, run_asyncio, run_threads
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import (
    AT_EXIT,
    PerRun,
    RunAborted,
    RunContext,
    RunInterrupted,
    current,
)
from httpout_cgi.interpreter.thread_exceptions import (
    absorb,
    make_raiser,
    strike,
    wait,
)

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
DEFAULT, IGNORE = int(signal.SIG_DFL), int(signal.SIG_IGN)
# What Python has done when a script starts.
_AT_START: Dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGPIPE: IGNORE,
    signal.SIGXFSZ: IGNORE,
}
# Signals whose default action is none, and to stop the process; signal(7).
_HARMLESS = (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH)
_STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
# Between SIGTERM and the end: as much as Apache gives between TERM and KILL.
_TERMINATION_SECONDS = 3.0


class RunSignals:
    """The handlers of one run."""

    def __init__(self, run: RunContext) -> None:
        self.main_id = run_threads.main_thread_id(run)
        self.wakeup_fd = -1
        # Any: a callable or a number, as in the module signal.
        self.handlers: Dict[int, Any] = {}
        self._run = run
        self._pausing: List[Any] = []
        self._terminate_until: Optional[float] = None
        # Guards _is_over: behind it, nothing is raised in the script's thread.
        self._lock = _thread.allocate_lock()
        self._is_over = False

    def get(self, number: int) -> Any:
        return self.handlers.get(number, _AT_START.get(number, DEFAULT))

    def close(self) -> None:
        """End all this with the run."""
        with self._lock:
            self._is_over = True
        absorb()

    def deliver(self, number: int) -> None:
        """Do to the run what a signal does to a process; any of its threads may."""
        handler = self.get(number)
        if callable(handler):
            self._call(number, handler)
        elif handler == DEFAULT and number not in _HARMLESS:
            if number in _STOPPING:
                raise ProcessNeededError("os.kill")
            with self._lock:
                if not self._is_over:
                    lifetime.abort(self._run, -number)

    def pause(self) -> None:
        """Wait until a handler was called."""
        lock = _thread.allocate_lock()
        lock.acquire()
        self._pausing.append(lock)
        try:
            wait(lock)
        finally:
            with suppress(ValueError):  # a handler was called
                self._pausing.remove(lock)

    def terminate(self) -> bool:
        """Call the handler of SIGTERM, once; tell whether it needs more time."""
        handler = self.handlers.get(signal.SIGTERM)
        if not callable(handler):
            return False
        if self._terminate_until is None:
            self._terminate_until = monotonic() + _TERMINATION_SECONDS
            Context().run(self._start_terminating, handler)
        return monotonic() < self._terminate_until

    def _start_terminating(self, handler: Any) -> None:
        current.set(self._run)

        def work() -> None:  # pragma: no cover - no tracer comes here
            try:
                self._call(signal.SIGTERM, handler)
            finally:
                self._terminate_until = 0.0

        try:
            lifetime.start_raw_thread(self._run, work, ())
        except RuntimeError:  # the system has no more threads
            self._terminate_until = 0.0

    def _call(self, number: int, handler: Any) -> None:
        number = int(number)  # not an enum, as from the kernel
        if self.wakeup_fd != -1:
            with suppress(OSError):  # full, or closed
                os.write(self.wakeup_fd, bytes([number]))
        try:
            if _thread.get_ident() == self.main_id:
                handler(number, _find_script_frame(sys._getframe()))
            else:
                self._call_for_main(number, handler)
        finally:
            while self._pausing:
                with suppress(IndexError, RuntimeError):  # woken by another
                    self._pausing.pop().release()

    # Called in helper threads, which no tracer follows.
    def _call_for_main(  # pragma: no cover - see above
        self, number: int, handler: Any
    ) -> None:
        frame = sys._current_frames().get(self.main_id)
        try:
            handler(number, _find_script_frame(frame))
        except (RunAborted, RunInterrupted):
            raise  # whoever raised it has seen to the script's thread
        except BaseException as exc:  # a handler may raise anything
            self._raise_in_main(exc)

    def _raise_in_main(  # pragma: no cover - as above
        self, exc: BaseException
    ) -> None:
        raiser = make_raiser(exc)
        while not (self._run.is_ending or self._run.is_aborted):
            run_asyncio.wake(self._run)
            with self._lock:
                if self._is_over or strike([self.main_id], raiser):
                    break
            # Now is no good time: it writes, or logs.
            sleep(0.01)

    def die_of_broken_pipe(self) -> None:
        """Let the run end without a word when it writes to nobody, as by SIGPIPE."""
        raw = self._run.raw_output
        write = type(raw).write

        # Any: whatever holds bytes.
        def write_or_die(data: Any) -> int:
            try:
                return write(raw, data)
            except BrokenPipeError:
                if self.get(signal.SIGPIPE) == DEFAULT:
                    lifetime.abort(self._run, -signal.SIGPIPE)
                raise

        raw.__dict__["write"] = write_or_die


of_run: PerRun[RunSignals] = PerRun(
    RunSignals, lambda run, signals: signals.close(), AT_EXIT
)


def is_terminating(run: RunContext) -> bool:
    """Call the run's handler of SIGTERM if it has one; tell whether it is at work.

    Called from outside of the run, again and again.
    """
    signals = of_run.find(run)
    return signals is not None and signals.terminate()


def _find_script_frame(frame: Optional[FrameType]) -> Optional[FrameType]:
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frame = frame.f_back
    return frame
