"""Pools: the site's own, those of accounts and of other Pythons, with their keepers.

Such another pool is there from when a worker asks for it until it has been asleep for a
while; ten thousand accounts cost nothing before.
"""

import contextlib
import logging
import selectors
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from httpout_cgi.accounts import Accounts, Home
from httpout_cgi.errors import StartError
from httpout_cgi.processes import private_folder, privileges
from httpout_cgi.processes.control import Answer
from httpout_cgi.processes.keeper import PoolKeeper
from httpout_cgi.processes.launch import Plan
from httpout_cgi.processes.privileges import Account
from httpout_cgi.protocol.ownership import OwnershipError, Refusal

# Each is a socket, and a process of some ten MiB while it has something to do.
_MOST_POOLS: Final = 500
# How long the socket of another one stays when its pool has left, or never came: a
# worker that has just been told the address needs it.
_KEEP_SECONDS: Final = 10.0
# How long it stays after nobody can find it any more: who found it is connecting.
_LAST_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _OtherPool:
    """``asleep_since`` is None while there is a process, or a wish for one.

    ``home`` is None for one of the site, under another Python.
    """

    name: str
    home: Home | None
    keeper: PoolKeeper
    asleep_since: float | None = None


@dataclass(frozen=True, slots=True)
class UserPlans:
    """What the settings say about accounts."""

    accounts: Accounts
    make: Callable[[Home], Plan]


@dataclass(slots=True)
class _Retired:
    """A pool that nobody can find any more; it finishes what it has."""

    keeper: PoolKeeper
    until: float = field(default=0.0)


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
        self._plans: UserPlans | None = None
        self._plan_python: Callable[[str], Plan] | None = None
        # By the name of their account, or the path of their Python.
        self._others: dict[str, _OtherPool] = {}
        self._retired: list[_Retired] = []
        self._numbers = count(1)
        self._is_stopping = False

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
        # All are told before any is waited for.
        self.stop()
        for keeper in self._keepers():
            keeper.close()
        self._stack.close()

    def configure(
        self,
        plan: Plan,
        users: UserPlans | None = None,
        plan_python: Callable[[str], Plan] | None = None,
    ) -> None:
        """Start pools like that from now on; those that are different are replaced.

        ``plan_python`` is told the path of a Python.
        """
        self._own.configure(plan)
        self._plans, self._plan_python = users, plan_python
        for pool in [*self._others.values()]:
            try:
                home, other = self._plan(pool.name)
            except OwnershipError:
                self._retire(pool)
                continue
            if home == pool.home:
                pool.keeper.configure(other)
            else:
                self._retire(pool)

    def ask(self, name: str) -> Answer:
        """Return where the pool of an account, or of the site under another Python, is
        asked; it is there from now on.

        Who asks is not trusted: the name may be anything.  As a Python, any program
        runs with the rights that who asks has himself.
        """
        try:
            return Answer(name, self._open_other(name).keeper.address)
        except OwnershipError as exc:
            _log.info("no pool: %s", exc)
            return Answer(name, refusal=exc.refusal.value)

    def tend(self, now: float) -> None:
        """Start the pools that are needed, or watch for the need."""
        for keeper in self._keepers():
            keeper.tend(now)
        for pool in [*self._others.values()]:
            if not pool.keeper.is_asleep:
                pool.asleep_since = None
            elif pool.asleep_since is None:
                pool.asleep_since = now
            elif now - pool.asleep_since >= _KEEP_SECONDS:
                self._retire(pool)
        for one in [*self._retired]:
            if not one.keeper.is_asleep:
                one.until = 0.0
            elif not one.until:
                one.until = now + _LAST_SECONDS
            elif now >= one.until:
                one.keeper.close()
                self._retired.remove(one)

    def next_start(self) -> float | None:
        """Return when ``tend`` has to be called again without an event."""
        times = [keeper.next_start() for keeper in self._keepers()]
        for pool in self._others.values():
            if pool.asleep_since is not None:
                times.append(pool.asleep_since + _KEEP_SECONDS)
        times += [one.until for one in self._retired if one.until]
        return min((one for one in times if one is not None), default=None)

    def reap(self, now: float) -> None:
        """Take note of pools that have ended."""
        for keeper in self._keepers():
            keeper.reap(now)

    def stop(self) -> None:
        """Let all processes finish what they do, and end."""
        self._is_stopping = True
        for keeper in self._keepers():
            keeper.stop()

    def kill(self) -> None:
        """End all processes now, and wait for it."""
        self.stop()
        for keeper in self._keepers():
            keeper.kill()

    def _keepers(self) -> list[PoolKeeper]:
        others = [pool.keeper for pool in self._others.values()]
        return [self._own, *others, *(one.keeper for one in self._retired)]

    def _plan(self, name: str) -> tuple[Home | None, Plan]:
        """Return whose pool it is, and how it starts; raises OwnershipError."""
        if name.startswith("/") and self._plan_python is not None:
            return None, self._plan_python(name)
        if self._plans is None:
            raise OwnershipError(Refusal.NO_POOL, name)
        home = self._plans.accounts.find(name)
        return home, self._plans.make(home)

    def _open_other(self, name: str) -> _OtherPool:
        if self._is_stopping:
            raise OwnershipError(Refusal.NO_POOL, name)
        home, plan = self._plan(name)
        pool = self._others.get(name)
        if pool is not None and pool.home == home:
            # Whoever asks is about to come.
            pool.asleep_since = None
            return pool
        if pool is not None:
            # Removed, and made again with another number.
            self._retire(pool)
        if len(self._others) + len(self._retired) >= _MOST_POOLS:
            raise OwnershipError(Refusal.TOO_MANY_POOLS, name)
        pool = _OtherPool(name, home, self._make_keeper(name, home))
        pool.keeper.configure(plan)
        self._others[name] = pool
        return pool

    def _make_keeper(self, name: str, home: Home | None) -> PoolKeeper:
        account = self._account if home is None else privileges.become(home)
        keeper = PoolKeeper(
            self._selector, account, self._command, is_hosted=home is not None
        )
        try:
            keeper.open(self._folder.numbered_socket(next(self._numbers)))
        except StartError as exc:
            _log.error("no pool for %s: %s", name, exc)
            raise OwnershipError(Refusal.NO_POOL, name) from exc
        return keeper

    def _retire(self, pool: _OtherPool) -> None:
        del self._others[pool.name]
        with contextlib.suppress(FileNotFoundError):
            Path(pool.keeper.address).unlink()
        pool.keeper.dismiss()
        self._retired.append(_Retired(pool.keeper))
