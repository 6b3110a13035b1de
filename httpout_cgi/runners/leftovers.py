"""Runs that are over but have threads that go on: daemons, under CGI dead by now."""

import logging

from httpout_cgi.interpreter import lifetime
from httpout_cgi.runners.thread_run import ThreadRun

# Between two attempts: long enough for what a thread does in its "finally".
_AGAIN_SECONDS = 0.3


class Leftovers:
    """Ends the threads that outlive their run; only the loop's thread touches it.

    One that does not end within ``patience`` seconds is lost, for the time being.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: dict[ThreadRun, float | None] = {}
        self._lost: set[ThreadRun] = set()
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._since)

    @property
    def lost(self) -> int:
        """Count the runs whose threads cannot be ended."""
        return len(self._lost)

    def add(self, run: ThreadRun) -> None:
        """Take a run whose ``leftover`` is set."""
        self._since[run] = None

    def sweep(self, now: float) -> None:
        """Raise SystemExit in what is left; forget what has ended."""
        if now < self._next:
            return
        self._next = now + _AGAIN_SECONDS
        for run, since in list(self._since.items()):
            assert run.leftover is not None  # see add()
            if lifetime.end_threads(run.leftover) == 0:
                del self._since[run]
                self._lost.discard(run)
            elif since is None:
                self._since[run] = now
            elif now - since > self._patience and run not in self._lost:
                self._lost.add(run)
                run.log(logging.ERROR, "threads that it left behind cannot be ended")
