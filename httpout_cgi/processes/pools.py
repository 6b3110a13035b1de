"""Pools: the site's own, and those of accounts, each with its keeper.

The pool of an account is there from when a worker asks for it until it has been asleep
for a while; ten thousand accounts cost nothing before.
"""

import contextlib
import selectors
from collections.abc import Sequence

from httpout_cgi.processes import private_folder
from httpout_cgi.processes.keeper import PoolKeeper
from httpout_cgi.processes.launch import Plan
from httpout_cgi.processes.privileges import Account


class Pools:
    """Only the supervisor's loop touches it; the clock is passed in."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        account: Account | None,
        command: Sequence[str] = (),
    ) -> None:
        self._selector = selector
        self._account = account
        self._command = command
        self._stack = contextlib.ExitStack()
        self._own = PoolKeeper(selector, account, command)

    def __len__(self) -> int:
        """Count the processes that have not ended."""
        return sum(len(keeper) for keeper in self._keepers())

    @property
    def address(self) -> str:
        """Return where the site's own pool is asked."""
        return self._own.address

    def open(self) -> None:
        """Listen for the site's own pool; raises StartError."""
        self._folder = private_folder.make(self._account)
        self._stack.callback(self._folder.close)
        self._own.open(self._folder.socket)

    def close(self) -> None:
        """End all processes now, and remove all sockets."""
        for keeper in self._keepers():
            keeper.close()
        self._stack.close()

    def configure(self, plan: Plan) -> None:
        """Start pools like that from now on; those that are different are replaced."""
        self._own.configure(plan)

    def tend(self, now: float) -> None:
        """Start the pools that are needed, or watch for the need."""
        for keeper in self._keepers():
            keeper.tend(now)

    def next_start(self) -> float | None:
        """Return when ``tend`` has to be called again without an event."""
        starts = [keeper.next_start() for keeper in self._keepers()]
        return min((one for one in starts if one is not None), default=None)

    def reap(self, now: float) -> None:
        """Take note of pools that have ended."""
        for keeper in self._keepers():
            keeper.reap(now)

    def stop(self) -> None:
        """Let all processes finish what they do, and end."""
        for keeper in self._keepers():
            keeper.stop()

    def kill(self) -> None:
        """End all processes now, and wait for it."""
        for keeper in self._keepers():
            keeper.kill()

    def _keepers(self) -> list[PoolKeeper]:
        return [self._own]
