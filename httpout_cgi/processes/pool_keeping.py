"""The kept children of a pool, as the pool sees them: started, watched, dismissed.

Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import socket
import time
from contextlib import suppress
from typing import Mapping, Sequence

from httpout_cgi.interpreter import context
from httpout_cgi.interpreter.classify import Classifier
from httpout_cgi.processes.pool_children import Children
from httpout_cgi.processes.pool_door import Mount
from httpout_cgi.processes.pool_handover import Handed, take_over
from httpout_cgi.processes.pool_kept import KeptChild, Place
from httpout_cgi.processes.pool_kept_run import LOOK
from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_settings import Settings, find_limits
from httpout_cgi.processes.pool_slots import Slot, Slots

# Between looks at what the children do: while they do something, and otherwise.
_OFTEN_SECONDS, _SELDOM_SECONDS = 0.1, 0.5
# A run for which it may be worth a look whether its peer is still there.
_LONG_SECONDS = 0.5
# How long a child may take to accept before there is another one.
_REST_SECONDS = 0.01
# Out of the way of scripts, which may close all that is in theirs.
_HIGH = 200


class KeptChildren:
    """Each has a slot; those that are free are handed out again.

    ``handover`` is readable when a child has something that is not for it.
    """

    def __init__(
        self,
        listeners: Mapping[socket.socket, Sequence[Mount] | None],
        settings: Settings,
        children: Children,
    ) -> None:
        self._listeners = listeners
        self._settings = settings
        self._children = children
        self._slots = Slots(settings.processes)
        # Process ids by slot.
        self._pids: dict[int, int] = {}
        self._doomed: set[int] = set()
        # Which scripts they have read, by process id.
        self._notes: dict[int, Notes] = {}
        self._classifier = Classifier()
        # Those that have a successor already.
        self._succeeded: set[int] = set()
        # When a child was asked whether its peer is still there.
        self._asked: dict[int, float] = {}
        self.handover, self._theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        self.handover.setblocking(False)
        self._lifeline, self._our_end = os.pipe()
        self._is_dismissed = False
        # When a run was seen last.
        self.last_used = time.monotonic()
        children.tell_ended(self._forget)

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self._pids)

    def count_busy(self) -> int:
        """Return how many have a run."""
        return sum(self._slots.read(index).deadline > 0 for index in self._pids)

    def patience(self, now: float, *, is_awaited: bool) -> float:
        """Return for how long nobody has to look at the children.

        Not for long where somebody waits for one of them to end its run.
        """
        if is_awaited:
            return _REST_SECONDS
        is_quiet = now - self.last_used > 10 * _SELDOM_SECONDS
        return _SELDOM_SECONDS if is_quiet else _OFTEN_SECONDS

    def consider(self, now: float) -> float:
        """Start another child if all are busy; return when to consider it again.

        Raises OSError.
        """
        # While they are leaving, the next one waits until they have left.
        may_be_more = not self._is_dismissed and self.count < self._settings.processes
        if not self.count or (may_be_more and self.count_busy() == self.count):
            self._start()
        return now + _REST_SECONDS

    def _start(self) -> None:
        if self._is_dismissed:
            self._is_dismissed = False
            self._slots.dismiss(yes=False)
            self._lifeline, self._our_end = os.pipe()
        index = min({*range(self._settings.processes)} - self._pids.keys())
        self._slots.end(index, 0.0)
        context.prepare()
        notes = Notes()
        pid = self._children.fork(lambda: self._become_child(index, notes))
        self._pids[index], self._notes[pid] = pid, notes

    def _become_child(self, index: int, notes: Notes) -> int:
        """Serve, in the child, with nothing of the pool's but what that needs."""
        self._children.withdraw()
        kept = {one: one.fileno() for one in self._listeners}
        numbers = [*kept.values(), self._theirs.fileno(), self._lifeline]
        moved = [_move(number) for number in numbers]
        os.closerange(3, min(moved))
        os.closerange(max(moved) + 1, max(moved) + _HIGH)
        *ours, theirs, lifeline = moved
        listeners = {}
        for number, mounts in zip(ours, self._listeners.values()):
            listener = socket.socket(fileno=number)
            listener.setblocking(False)
            listeners[listener] = mounts
        for one in (*self._listeners, self.handover, self._theirs):
            one.detach()
        handover = socket.socket(fileno=theirs)
        classifier = self._classifier
        place = Place(self._slots, index, handover, lifeline, notes, classifier)
        cache = self._children.cache
        child = KeptChild(listeners, self._settings, cache, place)
        for kind, most in find_limits(self._settings.limits):
            # That on processor time is moved on from run to run.
            if kind != resource.RLIMIT_CPU:
                resource.setrlimit(kind, most)
        if self._settings.nice:
            os.nice(self._settings.nice)
        return child.serve()

    def take(self) -> Handed | None:
        """Return what a child hands over; None if there is nothing."""
        with suppress(OSError):
            taken = take_over(self.handover, [*self._listeners.values()])
            if not isinstance(taken, int):
                return taken
            # One says so again, if what comes next is nothing for it.
            is_new = taken in self._pids.values() and taken not in self._succeeded
            if is_new and self._renew(taken):
                self._succeeded.add(taken)
        return None

    def look(self, now: float) -> None:
        """End the children whose runs are over their limits."""
        for index, pid in self._pids.items():
            slot = self._slots.read(index)
            self.last_used = max(self.last_used, slot.begun)
            if slot.deadline > 0:
                self.last_used = now
                self._look_after(pid, slot, now)

    def _look_after(self, pid: int, slot: Slot, now: float) -> None:
        if slot.deadline <= now and pid not in self._doomed:
            self._doomed.add(pid)
            self._children.end_group(pid)
        elif slot.begun < now - _LONG_SECONDS and self._asked.get(pid, 0.0) < (
            now - _LONG_SECONDS
        ):
            self._asked[pid] = now
            with suppress(PermissionError):  # it has become a set-user-ID program
                os.kill(pid, LOOK)

    def _forget(self, pid: int, status: int) -> None:
        self._doomed.discard(pid)
        self._asked.pop(pid, None)
        for index in [one for one, known in self._pids.items() if known == pid]:
            del self._pids[index]
            if status == 0 and pid not in self._succeeded:
                self._renew(pid)
            self._notes.pop(pid).close()
        self._succeeded.discard(pid)

    def _renew(self, pid: int) -> bool:
        """Start a child in the place of one that has done its share, if it is missed.

        Waiting until all others are seen to be busy would leave a processor idle.
        """
        may_be_more = not self._is_dismissed and self.count < self._settings.processes
        if may_be_more and select.select([*self._listeners], [], [], 0)[0]:
            self._learn(pid)
            with suppress(OSError):  # whoever waits has it tried again
                self._start()
                return True
        return False

    def _learn(self, pid: int) -> None:
        """Read for the next child, and all after it, the scripts that one has read."""
        for path in self._notes[pid].read():
            if self._children.sources.load_script(path):
                with suppress(Exception):  # a child meets it again, and tells
                    self._classifier.judge(path)

    def dismiss(self) -> None:
        """Let them leave, each after its run."""
        if not self._is_dismissed:
            self._is_dismissed = True
            self._slots.dismiss(yes=True)
            os.close(self._our_end)
            os.close(self._lifeline)

    def kill_all(self) -> None:
        """Kill them and what they have started."""
        for pid in self._pids.values():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)


def _move(number: int) -> int:
    """Return a descriptor for the same with a high number."""
    try:
        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:
        # Not so many are allowed: the next free one, behind those that scripts know.
        return os.dup(number)
