"""The children of a pool: started, told to end, killed, and reaped.

Standard library only.
"""

from __future__ import annotations

import importlib
import os
import signal
import stat
import sys
import time
import warnings
from contextlib import suppress
from types import FrameType
from typing import Any, Callable, Optional

from httpout_cgi.interpreter import local_files
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.source import Signature, sign
from httpout_cgi.processes import pool_program
from httpout_cgi.processes.pool_child import Preparation, perform
from httpout_cgi.processes.pool_forks import end_with_pool, open_to_others
from httpout_cgi.processes.pool_peer import Peer
from httpout_cgi.processes.pool_rehearsal import rehearse
from httpout_cgi.processes.pool_settings import Settings
from httpout_cgi.processes.pool_spare import Spare, find_last_descriptor
from httpout_cgi.processes.pool_warmth import learn

# Between TERM and KILL.
_PATIENCE_SECONDS = 3.0
# Children that have nothing to run yet.
_MOST_SPARES = 8
# Larger sources are compiled in the child.
_LARGEST_SOURCE = 8 << 20

# For the pool alone, of those that a terminal or the supervisor sends to a group.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_TAKEN = (signal.SIGTERM, signal.SIGCHLD)
_BLOCKED = tuple(map(int, (*_TAKEN, *_IGNORED)))

# What the functions of signal call: without the enums, whose code makes a child copy
# pages.  Any: typeshed does not know it.
_signal: Any = importlib.import_module("_signal")

# Exit code of a child of ours that fails before its script: sysexits' EX_SOFTWARE.
_BROKEN = 70

_Handler = Callable[[int, Optional[FrameType]], object]


class Children:
    """Each is the leader of a process group of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.cache = CodeCache()
        self._preparation = Preparation(self.cache)
        rehearse(self._preparation)
        self._preparation.limit(settings)
        self._pool = os.getpid()
        self._peers: dict[int, Peer] = {}
        self._spares: list[Spare] = []
        # Scripts that warn when they are compiled, and what stat said of them.
        self._warned: dict[str, Signature] = {}
        # Groups that were told to end, and when they are killed.
        self._doomed: dict[int, float] = {}
        # Any: what getsignal() returns.
        self._dispositions: list[tuple[int, Any]] = []
        self._tell_ended: Callable[[int, int], None] = lambda pid, status: None
        # What lets this process import as others do; for kept children.
        self.withdraw = self._preparation.script.withdraw

    @property
    def count(self) -> int:
        """Return how many have not been reaped."""
        return len(self._peers)

    @property
    def are_ending(self) -> bool:
        """Tell whether there are groups to be killed, if they have not ended yet."""
        return bool(self._doomed)

    def deadlines(self) -> list[float]:
        """Return when there is something to kill."""
        return list(self._doomed.values())

    def take_signals(self, leave: _Handler) -> None:
        """Call ``leave`` at SIGTERM; children have the signals as they were."""
        for number in (*_TAKEN, *_IGNORED):
            self._dispositions.append((int(number), _signal.getsignal(number)))
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _note_nothing)
        signal.signal(signal.SIGTERM, leave)

    def start(self, peer: Peer) -> None:
        """Let a child run what the peer asks for; raises OSError."""
        assert peer.run is not None
        path = peer.run.path
        is_other = peer.run.interpreter or peer.run.by_shebang
        is_page = bool(peer.run.page)
        is_python = is_page or (not is_other and pool_program.is_python(path))
        if is_python:
            self.load_script(path)
            local_files.list_names(os.path.dirname(path))
        spare = self._hand(peer, is_python)
        pid = peer.pid = spare.pid
        if is_python:
            peer.notes = spare.notes
        else:
            spare.notes.close()
        self._doomed.pop(pid, None)  # the number's former owner
        timeout = peer.run.timeout or self._settings.timeout
        peer.deadline = time.monotonic() + timeout
        self._peers[pid] = peer

    def _hand(self, peer: Peer, is_python: bool) -> Spare:
        """Let a spare child run it; raises OSError if none can."""
        assert peer.run is not None
        while True:
            is_new = not self._spares
            if is_new:
                self._fork_spares()
            spare = self._spares.pop()
            try:
                spare.hand(peer.run, peer.descriptors(), is_python=is_python)
                return spare
            except OSError:
                # Somebody has killed it, or stopped it.
                os.kill(spare.pid, signal.SIGKILL)
                spare.close()
                if is_new:
                    raise

    def _fork_spares(self) -> None:
        """Fork some children; raises OSError if there is none."""
        with suppress(OSError, ValueError):  # nobody reads
            sys.stderr.flush()
        made: list[Spare] = []
        # No signal strikes a child while it has our handlers.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _BLOCKED)
        try:
            # All before the first fork: what is written between two is copied.
            for _ in range(min(_MOST_SPARES, self._settings.processes)):
                made.append(Spare())
            last = find_last_descriptor()
            self._preparation.script.look()
            for spare in made:
                spare.pid = os.fork()
                if spare.pid == 0:
                    self._become_child(spare, last)
        except OSError:
            if not made or not made[0].pid:
                raise
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
            self._keep(made)

    def _keep(self, made: list[Spare]) -> None:
        for spare in made:
            if not spare.pid:
                spare.close()
                continue
            spare.begin()
            self._spares.append(spare)
            with suppress(OSError):  # the child has done it, or has ended
                os.setpgid(spare.pid, spare.pid)

    def tell_ended(self, told: Callable[[int, int], None]) -> None:
        """Tell of the children that ``fork`` has made when they have been reaped.

        By their process id, and their status as waitpid() returns it.
        """
        self._tell_ended = told

    def fork(self, become: Callable[[], int]) -> int:
        """Fork a child that does this and exits; raises OSError."""
        with suppress(OSError, ValueError):  # nobody reads
            sys.stderr.flush()
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _BLOCKED)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(become)
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        with suppress(OSError):  # the child has done it, or has ended
            os.setpgid(pid, pid)
        self._doomed.pop(pid, None)  # the number's former owner
        return pid

    def _become(self, become: Callable[[], int]) -> None:
        code = _BROKEN
        try:
            self._leave_pool()
            code = become()
        except BaseException as exc:
            code = pool_program.fail(f"pool: a child has failed: {exc!r}", _BROKEN)
        finally:
            os._exit(code)

    def drop_spares(self) -> None:
        """End the children that wait for something to run."""
        for spare in self._spares:
            os.kill(spare.pid, signal.SIGKILL)
            os.waitpid(spare.pid, 0)
            spare.close()
        self._spares.clear()

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
            if peer is None:
                self._forget_spare(pid, status)
            else:
                peer.tell_status(status)
                self._heed(peer)
                ended.append(peer)

    def _forget_spare(self, pid: int, status: int) -> None:
        for spare in [one for one in self._spares if one.pid == pid]:
            self._spares.remove(spare)
            spare.close()
            return
        self._tell_ended(pid, status)

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

    def kill_all(self) -> None:
        """Kill every group that there is."""
        for pid in {*self._peers, *self._doomed}:
            _signal_group(pid, signal.SIGKILL)
        self._doomed.clear()

    def _heed(self, peer: Peer) -> None:
        """Compile, or import, for the next child what this one has imported."""
        if peer.notes is not None:
            notes = peer.notes.read()
            for note in notes:
                if note.startswith("/"):
                    self._load(note, self.cache.load_module)
            if learn([note for note in notes if not note.startswith("/")]):
                self.drop_spares()

    def load_script(self, path: str) -> bool:
        """Compile a script for the next child; tell whether that went well."""
        return self._load(path, self.cache.load)

    def _load(self, path: str, load: Callable[[str], object]) -> bool:
        try:
            status = os.stat(path)
            seen = sign(status)
            # Nothing that keeps us waiting.
            is_file = stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST_SOURCE
            if not is_file or self._warned.get(path) == seen:
                return False
            with warnings.catch_warnings(record=True) as told:
                load(path)
            if told and load == self.cache.load:
                # CPython says it each time that it compiles a script: children do.
                self.cache.forget(path)
                self._warned[path] = seen
        except Exception:  # whatever is wrong with a source
            return False  # a child meets it again, and tells
        return True

    def _become_child(self, spare: Spare, last: int) -> None:
        """Wait for a run, do it, and exit."""
        code, path = _BROKEN, "no script"
        try:
            self._leave_pool()
            spare.keep_alone(last)
            run, descriptors, is_python = spare.receive()
            path = run.path
            # Not in a rehearsal: it is what keeps others out of the pool.
            open_to_others()
            notes = spare.notes if is_python else None
            code = perform(run, descriptors, self._preparation, notes)
        except EOFError:
            code = 0  # the pool has no use for it
        except BaseException as exc:
            code = pool_program.fail(f"{path}: no run: {exc!r}", _BROKEN)
        finally:
            os._exit(code)

    def _leave_pool(self) -> None:
        """Have a group of its own, and the signals of a new process."""
        os.setpgid(0, 0)
        end_with_pool(self._pool)
        _signal.set_wakeup_fd(-1)
        for number, handler in self._dispositions:
            _signal.signal(number, handler)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _note_nothing(number: int, frame: FrameType | None) -> None:
    """Be a handler: SIGCHLD is ignored otherwise, and wakes nobody."""


def _signal_group(pid: int, number: int) -> bool:
    """Tell whether there is such a group."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # a set-user-ID program
    return True
