"""The signals of a pool: what is for it alone, and what its children have instead.

Standard library only.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Callable, Iterator, Optional

from httpout_cgi.processes.pool_forks import end_with_pool

# For the pool alone, of those that a terminal or the supervisor sends to a group.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_TAKEN = (signal.SIGTERM, signal.SIGCHLD)
_BLOCKED = tuple(map(int, (*_TAKEN, *_IGNORED)))

# What the functions of signal call: without the enums, whose code makes a child copy
# pages.  Any: typeshed does not know it.
_signal: Any = importlib.import_module("_signal")

_Handler = Callable[[int, Optional[FrameType]], object]


class Signals:
    """Made by the pool, before it has children."""

    def __init__(self) -> None:
        self._pool = os.getpid()
        # Any: what getsignal() returns.
        self._dispositions: list[tuple[int, Any]] = []

    def take(self, leave: _Handler) -> None:
        """Call ``leave`` at SIGTERM; children have the signals as they were."""
        for number in (*_TAKEN, *_IGNORED):
            self._dispositions.append((int(number), _signal.getsignal(number)))
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _note_nothing)
        signal.signal(signal.SIGTERM, leave)

    @contextmanager
    def withheld(self) -> Iterator[None]:
        """Let none strike a child while it has our handlers; for forks."""
        with suppress(OSError, ValueError):  # nobody reads
            sys.stderr.flush()
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _BLOCKED)
        try:
            yield
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, ())

    def leave_pool(self) -> None:
        """Have, in a child, a group of its own, and the signals of a new process."""
        os.setpgid(0, 0)
        end_with_pool(self._pool)
        _signal.set_wakeup_fd(-1)
        for number, handler in self._dispositions:
            _signal.signal(number, handler)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())

    def wake_pool(self) -> None:
        """Let it look, from a child, at what has been noted for it."""
        with suppress(OSError):  # it has died
            os.kill(self._pool, _signal.SIGCHLD)


def _note_nothing(number: int, frame: FrameType | None) -> None:
    """Be a handler: SIGCHLD is ignored otherwise, and wakes nobody."""
