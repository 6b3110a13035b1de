"""The children of a pool: started, told to end, killed, and reaped.

Standard library only.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Callable

from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes import pool_program
from httpout_cgi.processes.pool_child import Preparation
from httpout_cgi.processes.pool_peer import Peer
from httpout_cgi.processes.pool_program import BROKEN
from httpout_cgi.processes.pool_rehearsal import rehearse
from httpout_cgi.processes.pool_settings import Settings
from httpout_cgi.processes.pool_signals import Signals
from httpout_cgi.processes.pool_sources import Sources
from httpout_cgi.processes.pool_spares import Spares
from httpout_cgi.processes.pool_warmth import learn

# Between TERM and KILL.
_PATIENCE_SECONDS = 3.0


class Children:
    """Each is the leader of a process group of its own.

    ``signals`` are the pool's to take, ``spares`` its to prepare and to drop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.cache = CodeCache()
        preparation = Preparation(self.cache)
        rehearse(preparation)
        preparation.limit(settings)
        self.sources = Sources(self.cache)
        self.signals = Signals()
        self.spares = Spares(settings.processes, preparation, self.signals)
        self._processors = _count_processors()
        self._peers: dict[int, Peer] = {}
        # Those of them that tell of their end themselves.
        self._hurried: dict[int, Peer] = {}
        # Groups that were told to end, and when they are killed.
        self._doomed: dict[int, float] = {}
        # Children that have nothing to do but to exit, and when they are killed: nobody
        # waits for it.
        self._leaving: dict[int, float] = {}
        self._tell_ended: Callable[[int, int], None] = lambda pid, status: None
        # What lets this process import as others do; for kept children.
        self.withdraw = preparation.script.withdraw

    @property
    def count(self) -> int:
        """Return how many have not been reaped."""
        return len(self._peers)

    @property
    def are_ending(self) -> bool:
        """Tell whether there are groups to be killed, if they have not ended yet."""
        return bool(self._doomed)

    def deadlines(self) -> list[float]:
        """Return when there are groups to kill."""
        return list(self._doomed.values())

    def start(self, peer: Peer) -> None:
        """Let a child run what the peer asks for; raises OSError."""
        assert peer.run is not None
        path = peer.run.path
        is_other = peer.run.interpreter or peer.run.by_shebang
        is_page = bool(peer.run.page)
        is_python = is_page or (not is_other and pool_program.is_python(path))
        if is_python:
            self.sources.load_script(path)
        # With others on all processors, what hurries one run holds them up.
        is_hurried = is_python and len(self._peers) < self._processors
        run = peer.run._replace(is_python=is_python, is_hurried=is_hurried)
        spare = self.spares.hand(run, peer.descriptors())
        pid = peer.pid = spare.pid
        if is_python:
            peer.notes = spare.notes
            if is_hurried:
                self._hurried[pid] = peer
        else:
            spare.notes.close()
        self._doomed.pop(pid, None)  # the number's former owner
        timeout = peer.run.timeout or self._settings.timeout
        peer.deadline = time.monotonic() + timeout
        self._peers[pid] = peer

    def tell_ended(self, told: Callable[[int, int], None]) -> None:
        """Tell of the children that ``fork`` has made when they have been reaped.

        By their process id, and their status as waitpid() returns it.
        """
        self._tell_ended = told

    def fork(self, become: Callable[[], int]) -> int:
        """Fork a child that does this and exits; raises OSError."""
        with self.signals.withheld():
            pid = os.fork()
            if pid == 0:
                self._become(become)
        with suppress(OSError):  # the child has done it, or has ended
            os.setpgid(pid, pid)
        self._doomed.pop(pid, None)  # the number's former owner
        return pid

    def _become(self, become: Callable[[], int]) -> None:
        code = BROKEN
        try:
            self.signals.leave_pool()
            code = become()
        except BaseException as exc:
            code = pool_program.fail(f"pool: a child has failed: {exc!r}", BROKEN)
        finally:
            os._exit(code)

    def reap(self) -> list[Peer]:
        """Return the peers whose children have ended; they have been told."""
        ended: list[Peer] = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if not pid:
                return ended
            peer = self._peers.pop(pid, None)
            self._hurried.pop(pid, None)
            self._leaving.pop(pid, None)
            if peer is not None:
                peer.tell_status(status)
                self._heed(peer)
                ended.append(peer)
            elif not self.spares.forget(pid):
                self._tell_ended(pid, status)

    def conclude(self) -> list[Peer]:
        """Return the peers whose runs are over; they have been told.

        It takes a millisecond until their children have exited: their memory is freed
        first, then their descriptors are closed.  See Spares.
        """
        ended: list[Peer] = []
        for pid, peer in list(self._hurried.items()):
            assert peer.notes is not None
            code = peer.notes.exit_code
            if code is not None:
                peer.tell_status(code << 8)
                del self._hurried[pid]
                self._leaving[pid] = time.monotonic() + _PATIENCE_SECONDS
                ended.append(peer)
        return ended

    def end(self, peer: Peer) -> None:
        """Tell the group to end; it is killed later, if it does not."""
        self.end_group(peer.pid)

    def end_group(self, pid: int) -> None:
        """Tell the group of a child to end, as ``end`` does."""
        if pid not in self._doomed:
            _signal_group(pid, signal.SIGTERM)
            self._doomed[pid] = time.monotonic() + _PATIENCE_SECONDS

    def kill_overdue(self, now: float) -> None:
        """Kill the groups that were told to end and have not."""
        for pid, deadline in list(self._doomed.items()):
            if deadline <= now or not _signal_group(pid, 0):
                _signal_group(pid, signal.SIGKILL)
                del self._doomed[pid]
        # Not their groups: what a script has left running may go on.
        for pid in [one for one, at in self._leaving.items() if at <= now]:
            with suppress(PermissionError):  # a set-user-ID program, which only lied
                os.kill(pid, signal.SIGKILL)
            self._leaving[pid] = float("inf")

    def kill_all(self) -> None:
        """Kill every group that there is."""
        for pid in {*self._peers, *self._doomed}:
            _signal_group(pid, signal.SIGKILL)
        self._doomed.clear()

    def _heed(self, peer: Peer) -> None:
        """Compile, or import, for the next child what this one has imported."""
        if peer.notes is not None:
            notes = peer.notes.read()
            paths = [note for note in notes if note.startswith("/")]
            self.sources.load_modules(paths)
            if learn([note for note in notes if not note.startswith("/")]):
                self.spares.drop()


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not Linux


def _signal_group(pid: int, number: int) -> bool:
    """Tell whether there is such a group."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # a set-user-ID program
    return True
