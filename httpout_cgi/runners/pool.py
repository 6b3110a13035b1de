"""Run scripts in processes of their own, which a pool forks.

The pool is asked by SCGI over a Unix socket.  Must not know how it runs them, or HTTP.
"""

import asyncio
import os
from collections import Counter

from httpout_cgi.runners.base import unavailable
from httpout_cgi.runners.pool_connection import Directory
from httpout_cgi.runners.pool_run import PoolRun
from httpout_cgi.scripts import Invocation, Owner

# An account has at most this part of the queue: others are answered, too.
_SHARES = 4


class PoolRunner:
    """Asks pools that a directory knows; at most ``queue`` runs are under way, or wait.

    With ``debug``, pages show their tracebacks.
    Only the loop's thread calls its methods.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        directory: Directory,
        *,
        queue: int = 256,
        debug: bool = False,
    ) -> None:
        self._loop = loop
        self._directory = directory
        self._limit = queue
        self._debug = debug
        self._active: set[PoolRun] = set()
        self._counts: Counter[Owner | None] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()
        self._umask = os.umask(0o022)
        os.umask(self._umask)

    def start(self, invocation: Invocation) -> PoolRun:
        """Start a run.  Whoever receives it closes it.

        Raises HTTPError 503 with Retry-After when too many are under way.
        """
        if len(self._active) >= self._limit or self._has_too_many(invocation):
            _close_stdin(invocation)
            raise unavailable("the queue for processes is full")
        try:
            run = PoolRun(
                invocation, self._loop, self._forget, self._umask, debug=self._debug
            )
        except OSError as exc:
            _close_stdin(invocation)
            raise unavailable(f"cannot ask the pool: {exc.strerror}") from exc
        self._active.add(run)
        self._counts[run.owner] += 1
        self._idle.clear()
        run.send(self._directory)
        return run

    async def shutdown(self, seconds: float) -> None:
        """Wait for what runs, at most so long, then end it."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except asyncio.TimeoutError:
            for run in list(self._active):
                run.fail(unavailable("the server is shutting down"))

    def _has_too_many(self, invocation: Invocation) -> bool:
        """Tell whether an account would leave too little room for others."""
        owner = invocation.script.mount.owner
        share = max(1, self._limit // _SHARES)
        return owner is not None and self._counts[owner] >= share

    def _forget(self, run: PoolRun) -> None:
        self._active.discard(run)
        self._counts[run.owner] -= 1
        if not self._counts[run.owner]:
            del self._counts[run.owner]
        if not self._active:
            self._idle.set()


def _close_stdin(invocation: Invocation) -> None:
    if invocation.stdin is not None:
        invocation.stdin.close()
