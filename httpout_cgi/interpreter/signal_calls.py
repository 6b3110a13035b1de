"""The calls that are about signals: signal.signal(), os.kill(), os.abort() ..."""

from __future__ import annotations

import errno
import os
import signal
import sys
from operator import index
from typing import Any, Callable, List, NoReturn

from httpout_cgi.interpreter import lifetime, run_threads
from httpout_cgi.interpreter.in_runs import replace_in_run
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import RunContext, undoing
from httpout_cgi.interpreter.run_signals import DEFAULT, IGNORE, of_run

_posix = sys.modules[os.name]
_c_signal = sys.modules["_signal"]
_getpid, _getppid, _getpgrp = os.getpid, os.getppid, os.getpgrp


# Any, from here on: handlers, and what the originals take.


def _set_handler(run: RunContext, number: Any, handler: Any) -> Any:
    number = index(number)
    if not run_threads.is_main(run):
        raise ValueError(
            "signal only works in main thread of the main interpreter"
        ) from None
    _check(number)
    is_number = isinstance(handler, int) and handler in (DEFAULT, IGNORE)
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
    if number == signal.SIGPIPE and handler == DEFAULT:
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
    # 0 asks whether a process is there; an invalid one is an error.
    if 0 < number < signal.NSIG and abs(pid) in (
        0,
        1,
        _getpid(),
        _getppid(),
        _getpgrp(),
    ):
        raise ProcessNeededError("os.kill")
    _original_kill(pid, number)


def _killpg(run: RunContext, group: int, number: int) -> None:
    if 0 < number < signal.NSIG and group in (0, 1, _getpgrp()):
        raise ProcessNeededError("os.killpg")
    _original_killpg(group, number)


_original_kill = os.kill
_original_killpg = os.killpg


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
