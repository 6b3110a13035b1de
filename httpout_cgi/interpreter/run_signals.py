"""Signals of a run: handlers and kills that never reach the server.

A handler is called in the script's own thread if the signal is raised there, else in
a helper thread; what it raises is raised in the script's thread.
"""

from __future__ import annotations

import _thread
import errno
import os
import signal
import sys
from contextlib import suppress
from contextvars import Context
from functools import wraps
from operator import index
from time import monotonic, sleep
from types import FrameType, ModuleType
from typing import Any, Callable, Dict, List, NoReturn, Optional, Sequence

from httpout_cgi.interpreter import lifetime, run_asyncio, run_threads
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import (
    AT_EXIT,
    PerRun,
    RunAborted,
    RunContext,
    current,
    replace,
    undoing,
)
from httpout_cgi.interpreter.thread_exceptions import (
    absorb,
    make_raiser,
    strike,
    wait,
)

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_DEFAULT, _IGNORE = int(signal.SIG_DFL), int(signal.SIG_IGN)
# What Python has done when a script starts.
_AT_START: Dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGPIPE: _IGNORE,
    signal.SIGXFSZ: _IGNORE,
}
# Signals whose default action is none, and to stop the process; signal(7).
_HARMLESS = (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH)
_STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
# Between SIGTERM and the end: as much as Apache gives between TERM and KILL.
_TERMINATION_SECONDS = 3.0
_posix = sys.modules[os.name]
_c_signal = sys.modules["_signal"]
_getpid, _getppid, _getpgrp = os.getpid, os.getppid, os.getpgrp


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
        return self.handlers.get(number, _AT_START.get(number, _DEFAULT))

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
        elif handler == _DEFAULT and number not in _HARMLESS:
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

        def work() -> None:
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

    def _call_for_main(self, number: int, handler: Any) -> None:
        frame = sys._current_frames().get(self.main_id)
        try:
            handler(number, _find_script_frame(frame))
        except RunAborted:
            raise  # os._exit() has seen to the script's thread
        except BaseException as exc:  # a handler may raise anything
            self._raise_in_main(exc)

    def _raise_in_main(self, exc: BaseException) -> None:
        raiser = make_raiser(exc)
        while not (self._run.is_ending or self._run.is_aborted):
            with self._lock:
                if self._is_over or strike(self.main_id, raiser):
                    break
            # Now is no good time: it writes, or logs.
            sleep(0.01)
        run_asyncio.wake(self._run)

    def die_of_broken_pipe(self) -> None:
        """Let the run end without a word when it writes to nobody, as by SIGPIPE."""
        raw = self._run.raw_output
        write = type(raw).write

        # Any: whatever holds bytes.
        def write_or_die(data: Any) -> int:
            try:
                return write(raw, data)
            except BrokenPipeError:
                if self.get(signal.SIGPIPE) == _DEFAULT:
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


# The stand-ins.  Any: handlers, and what the originals take.


def _set_handler(run: RunContext, number: Any, handler: Any) -> Any:
    number = index(number)
    if not run_threads.is_main(run):
        raise ValueError(
            "signal only works in main thread of the main interpreter"
        ) from None
    _check(number)
    is_number = isinstance(handler, int) and handler in (_DEFAULT, _IGNORE)
    if not is_number and not callable(handler):
        raise TypeError(
            "signal handler must be signal.SIG_IGN, signal.SIG_DFL,"
            " or a callable object"
        )
    if number in (signal.SIGKILL, signal.SIGSTOP):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    signals = of_run.of(run)
    before = signals.get(number)
    signals.handlers[number] = handler
    if number == signal.SIGPIPE and handler == _DEFAULT:
        signals.die_of_broken_pipe()
    return before


def _get_handler(run: RunContext, number: Any) -> Any:
    number = index(number)
    _check(number)
    return of_run.of(run).get(number)


def _check(number: int) -> None:
    if not 0 < number < signal.NSIG:
        raise ValueError("signal number out of range")


def _raise_signal(run: RunContext, number: Any) -> None:
    number = index(number)
    if not 0 < number < signal.NSIG:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    of_run.of(run).deliver(number)


def _pthread_kill(run: RunContext, thread_id: int, number: int) -> None:
    own = (run_threads.main_thread_id(run), *lifetime.thread_ids(run))
    if thread_id not in own:
        raise ProcessNeededError("signal.pthread_kill")
    if number != 0:
        _raise_signal(run, number)


def _siginterrupt(run: RunContext, number: int, flag: bool) -> None:
    _check(number)


def _pause(run: RunContext) -> None:
    of_run.of(run).pause()


def _set_wakeup_fd(
    run: RunContext, fd: int, *, warn_on_full_buffer: bool = True
) -> int:
    signals = of_run.of(run)
    before, signals.wakeup_fd = signals.wakeup_fd, fd
    return before


def _abort(run: RunContext) -> NoReturn:
    lifetime.abort(run, -signal.SIGABRT)


def _kill(run: RunContext, pid: int, number: int) -> None:
    if pid == _getpid() and 0 < number < signal.NSIG:
        of_run.of(run).deliver(number)
        return
    # 0 asks whether a process is there.
    if number != 0 and abs(pid) in (0, 1, _getpid(), _getppid(), _getpgrp()):
        raise ProcessNeededError("os.kill")
    _original_kill(pid, number)


def _killpg(run: RunContext, group: int, number: int) -> None:
    if number != 0 and group in (0, 1, _getpgrp()):
        raise ProcessNeededError("os.killpg")
    _original_killpg(group, number)


_original_kill = os.kill
_original_killpg = os.killpg


def replace_in_run(
    modules: Sequence[ModuleType],
    name: str,
    stand_in: Callable[..., Any],
    undo: List[Callable[[], None]],
) -> None:
    """Let runs call ``stand_in``, with the run before the arguments.

    A module that has another function of that name keeps it: it calls ours.
    """
    original = getattr(modules[0], name, None)
    if original is None:
        return  # not on this system

    @wraps(original)
    def call(*arguments: Any, **keywords: Any) -> Any:
        run = current.get()
        if run is None:
            return original(*arguments, **keywords)
        return stand_in(run, *arguments, **keywords)

    for module in modules:
        if getattr(module, name, None) is original:
            replace(module, name, call, undo)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    for name, stand_in in (
        ("signal", _set_handler),
        ("getsignal", _get_handler),
        ("raise_signal", _raise_signal),
        ("pthread_kill", _pthread_kill),
        ("siginterrupt", _siginterrupt),
        ("pause", _pause),
        ("set_wakeup_fd", _set_wakeup_fd),
    ):
        replace_in_run((_c_signal, signal), name, stand_in, undo)
    replace_in_run((os, _posix), "abort", _abort, undo)
    replace_in_run((os, _posix), "kill", _kill, undo)
    replace_in_run((os, _posix), "killpg", _killpg, undo)
    return undoing(undo)
