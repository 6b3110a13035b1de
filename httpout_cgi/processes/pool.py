"""A pool: one warm, single-threaded interpreter that forks a child for each run.

It inherits a listening Unix socket, speaks SCGI on it, and runs scripts as whoever it
was started as.  Standard library only: it may be another Python than the server's.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Mapping, Sequence

from httpout_cgi.processes import pool_ownership, pool_program
from httpout_cgi.processes.pool_children import Children
from httpout_cgi.processes.pool_door import Mount, Refusal, read_mounts
from httpout_cgi.processes.pool_forks import close_to_others, spare_children
from httpout_cgi.processes.pool_peer import Peer
from httpout_cgi.processes.pool_settings import OWN, Settings, read_settings
from httpout_cgi.processes.pool_warmth import settle, warm_up
from httpout_cgi.protocol.ownership import REFUSED, OwnershipError

if TYPE_CHECKING:
    from httpout_cgi.processes.pool_keeping import KeptChildren

_READ_SIZE = 65_536
# A peer that connects and says nothing.
_HEAD_SECONDS = 10.0
# Peers of one listener that have not got a child yet; more wait in the backlog.
_MOST_WITHOUT_CHILD = 64
# When nobody has come for so long, there is time to prepare for the next one.
_PAUSE_MS = 3
# Between looks at who our parent is.
_LOOK_SECONDS = 2.0
# After accept() found no descriptor or no memory.
_REST_SECONDS = 0.1
# Between two lines about that.
_QUIET_SECONDS = 60.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

# poll() tells unasked that a peer has closed.  Not POLLRDHUP: it may have sent all, and
# still read.
_NOTHING_ELSE = 0


class Pool:
    """Serves until it has been idle for too long, or is told to leave.

    So it is by the end of ``parent``, whose process it was started by.  ``listeners``
    have the script mounts that other servers may ask for; None is for workers.
    """

    def __init__(
        self,
        listeners: Mapping[socket.socket, Sequence[Mount] | None],
        settings: Settings,
        parent: int,
    ) -> None:
        self._listeners = {one.fileno(): one for one in listeners}
        self._mounts = {one.fileno(): mounts for one, mounts in listeners.items()}
        self._settings = settings
        self._poll = select.poll()
        self._peers: dict[int, Peer] = {}
        self._waiting: deque[Peer] = deque()
        # The listeners that are watched.
        self._heeded: set[int] = set()
        self._rests_until = 0.0
        self._next_complaint = 0.0
        # How often we were told to leave.
        self._orders = 0
        self._parent = parent
        self._last_used = time.monotonic()
        self._wakeup, self._waker = socket.socketpair()
        self._children = Children(settings)
        self._kept = _keep_children(listeners, settings, self._children)

    def serve(self) -> None:
        """Serve; returns when all children have ended."""
        self._take_signals()
        for listener in self._listeners.values():
            listener.setblocking(False)
        self._poll.register(self._wakeup, select.POLLIN)
        if self._kept is not None:
            self._poll.register(self._kept.handover, select.POLLIN)
        while not self._is_done():
            now = time.monotonic()
            self._listen_or_not(now)
            for number, _ in self._wait(now):
                self._handle(number)
            for peer in self._children.reap():
                self._forget(peer)
                self._last_used = time.monotonic()
            for peer in self._children.conclude():
                self._release(peer)
                self._last_used = time.monotonic()
            self._start_waiting()
            self._look_after_deadlines(time.monotonic())
            if os.getppid() != self._parent:
                self._orders = max(self._orders, 1)
            if self._orders > 1:
                self._drop_all()
        self._children.spares.drop()

    def _wait(self, now: float) -> list[tuple[int, int]]:
        """Return what there is to do; prepares for more while it is nothing."""
        if self._children.spares.may_be_prepared and not (self._peers or self._orders):
            told = self._poll.poll(_PAUSE_MS)
            if told:
                return told
            self._children.spares.prepare()
        return self._poll.poll(self._patience_ms(now))

    def _take_signals(self) -> None:
        for end in (self._wakeup, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._children.signals.take(self._obey)

    def _obey(self, *_: object) -> None:
        self._orders += 1

    def _is_done(self) -> bool:
        """Tell whether nobody needs us; a connection that waits does."""
        if self._peers or self._children.count or self._children.are_ending:
            return False
        if self._orders or self._is_outdated():
            return self._have_kept_left()
        idle = self._settings.idle
        if self._kept is not None:
            self._last_used = max(self._last_used, self._kept.last_used)
        if idle is None or time.monotonic() - self._last_used < idle:
            return False
        return (
            self._have_kept_left()
            and not select.select([*self._listeners], [], [], 0)[0]
        )

    def _have_kept_left(self) -> bool:
        """Let the kept children leave; tell whether they have."""
        if self._kept is None:
            return True
        self._kept.dismiss()
        return not self._kept.count

    def _is_outdated(self) -> bool:
        """Tell whether our account has changed its settings: the next one has them."""
        source = self._settings.source
        return source is not None and source.is_changed()

    def _listen_or_not(self, now: float) -> None:
        may_listen = (
            not self._orders
            and now >= self._rests_until
            and (self._kept is None or self._kept.count < self._settings.processes)
            and len(self._waiting) < self._settings.processes
        )
        for number in self._listeners:
            wanted = may_listen and self._has_slot(number)
            if wanted and number not in self._heeded:
                self._poll.register(number, select.POLLIN)
                self._heeded.add(number)
            elif not wanted and number in self._heeded:
                self._poll.unregister(number)
                self._heeded.discard(number)

    def _has_slot(self, number: int) -> bool:
        """Tell whether one more of a listener's peers may be silent for a while.

        Each listener has slots of its own: who connects from outside and says nothing
        (slowloris) must not keep the workers waiting.
        """
        if len(self._peers) < _MOST_WITHOUT_CHILD:
            return True
        mounts = self._mounts[number]
        count = sum(
            not peer.pid and peer.mounts is mounts for peer in self._peers.values()
        )
        return count < _MOST_WITHOUT_CHILD

    def _patience_ms(self, now: float) -> int:
        """Return how long there is nothing to do but what poll() tells of."""
        until = [now + _LOOK_SECONDS, *self._children.deadlines()]
        until += [peer.deadline for peer in self._peers.values()]
        if self._rests_until > now:
            until.append(self._rests_until)
        if self._kept is not None and self._kept.count:
            until.append(now + self._kept.patience(now, is_awaited=bool(self._waiting)))
        is_idle = not self._peers and not self._children.count
        if is_idle and self._settings.idle is not None:
            until.append(self._last_used + self._settings.idle)
        return max(int((min(until) - now) * 1000) + 1, 1)

    def _handle(self, number: int) -> None:
        if number in self._listeners:
            if self._kept is None:
                self._accept(number)
            else:
                self._consider_kept(self._kept)
        elif self._kept is not None and number == self._kept.handover.fileno():
            self._take_over()
        elif number == self._wakeup.fileno():
            self._wakeup.recv(_READ_SIZE)
        elif number in self._peers:
            self._hear(self._peers[number])

    def _consider_kept(self, kept: KeptChildren) -> None:
        try:
            self._rests_until = kept.consider(time.monotonic())
        except OSError as exc:  # no more processes: those that there are go on
            self._rest(exc)

    def _accept(self, number: int) -> None:
        try:
            connection, _ = self._listeners[number].accept()
        except OSError as exc:
            if exc.errno in _EXHAUSTED:
                self._rest(exc)
            return  # else another one took it, or the peer has left
        deadline = time.monotonic() + _HEAD_SECONDS
        self._meet(Peer(connection, deadline, self._mounts[number]))

    def _rest(self, reason: OSError) -> None:
        """Accept nothing for a moment: others give back what there is too little of."""
        now = time.monotonic()
        self._rests_until = now + _REST_SECONDS
        if now >= self._next_complaint:
            self._next_complaint = now + _QUIET_SECONDS
            complain(f"no connection can be accepted: {reason}")

    def _take_over(self) -> None:
        """Take a connection from a kept child, with what it has read of it."""
        assert self._kept is not None
        handed = self._kept.take()
        if handed is not None:
            deadline = time.monotonic() + _HEAD_SECONDS
            self._meet(
                Peer(handed.connection, deadline, handed.mounts, handed.received)
            )

    def _meet(self, peer: Peer) -> None:
        self._peers[peer.number] = peer
        self._poll.register(peer.number, select.POLLIN)
        self._read(peer)

    def _hear(self, peer: Peer) -> None:
        """Take what a connection has to say; once it has a run, only that it ends."""
        if peer.run is None:
            self._read(peer)
        elif peer.pid:
            # Nobody reads what the child writes.
            self._end(peer)
        else:
            self._waiting.remove(peer)
            self._forget(peer)

    def _read(self, peer: Peer) -> None:
        try:
            goes_on = self._read_or_refuse(peer)
        except (OSError, ValueError) as exc:
            complain(f"a request was refused: {exc}")
            goes_on = False
        if not goes_on:
            self._forget(peer)
        elif peer.run is not None:
            self._poll.modify(peer.number, _NOTHING_ELSE)
            peer.deadline = float("inf")
            self._waiting.append(peer)

    def _read_or_refuse(self, peer: Peer) -> bool:
        try:
            return peer.read()
        except Refusal as refusal:
            complain(str(refusal))
            peer.refuse(refusal.answer)
            return True

    def _start_waiting(self) -> None:
        while self._waiting and self._has_room():
            peer = self._waiting.popleft()
            try:
                self._admit(peer)
                self._children.start(peer)
            except OwnershipError as exc:
                if not peer.tell_refusal(f"{REFUSED}{exc}"):
                    complain(f"{REFUSED}{exc}")
                self._forget(peer)
            except OSError as exc:
                # Closed without a word and a status: 503.
                complain(f"no process for {peer.path}: {exc}")
                self._forget(peer)

    def _has_room(self) -> bool:
        """Tell whether there may be another run."""
        busy = 0 if self._kept is None else self._kept.count_busy()
        return self._children.count + busy < self._settings.processes

    def _admit(self, peer: Peer) -> None:
        """Refuse what this account does not run; raises OwnershipError."""
        assert peer.run is not None
        if self._settings.ownership is not None:
            ownership, own = self._settings.ownership, self._settings.environment
            peer.run = pool_ownership.admit(peer.run, ownership, own)
        if peer.run.by_shebang and pool_program.names_us(peer.run.path):
            # Another Python than that of the workers, but ours: no need to start it.
            peer.run = peer.run._replace(by_shebang=False)

    def _forget(self, peer: Peer) -> None:
        self._release(peer)
        peer.close()

    def _release(self, peer: Peer) -> None:
        # Its number may be another's already.
        if self._peers.get(peer.number) is peer:
            del self._peers[peer.number]
            if peer.is_watched:
                self._poll.unregister(peer.number)
        peer.release()

    def _look_after_deadlines(self, now: float) -> None:
        for peer in [one for one in self._peers.values() if one.deadline <= now]:
            if peer.pid:
                self._end(peer)
            else:
                complain("a peer was dropped: it sent no request")
                self._forget(peer)
        if self._kept is not None:
            self._kept.look(now)
        self._children.kill_overdue(now)

    def _end(self, peer: Peer) -> None:
        if peer.is_watched:
            # Told once: poll() would say so again and again.
            self._poll.unregister(peer.number)
            peer.is_watched = False
        peer.deadline = float("inf")
        self._children.end(peer)

    def _drop_all(self) -> None:
        """Kill what runs; nothing else is started."""
        self._waiting.clear()
        for peer in list(self._peers.values()):
            if not peer.pid:
                self._forget(peer)
        if self._kept is not None:
            self._kept.kill_all()
        self._children.kill_all()


def _keep_children(
    listeners: Mapping[socket.socket, Sequence[Mount] | None],
    settings: Settings,
    children: Children,
) -> KeptChildren | None:
    if settings.runs_per_process == 1:
        return None
    # Not above: what it imports would cost each fork of a pool that keeps no child.
    from httpout_cgi.processes.pool_keeping import KeptChildren

    return KeptChildren(listeners, settings, children)


def complain(text: str) -> None:
    """Tell the server's error log, if it listens."""
    try:
        os.write(2, os.fsencode(f"pool: {text}\n".replace("\0", "")))
    except OSError:
        return  # nobody reads


def _open_listeners(
    given: Sequence[int],
) -> dict[socket.socket, Sequence[Mount] | None]:
    own = socket.socket(fileno=os.dup(0))
    if not given:
        return {own: None}
    number, mounts = given
    other = socket.socket(fileno=number)
    other.set_inheritable(False)
    with open(mounts, encoding="utf-8") as file:
        return {own: None, other: read_mounts(file.read())}


def main() -> int:
    """Run a pool: its socket is descriptor 0, its settings are ``sys.argv[1]``.

    If there is a socket for other servers, ``sys.argv[2:]`` are its descriptor, and
    that of a file with the script mounts.
    """
    parent = os.getppid()
    close_to_others()
    try:
        settings = read_settings(sys.argv[1], os.environ.pop(OWN, "{}"))
        listeners = _open_listeners([int(number) for number in sys.argv[2:]])
    except (IndexError, ValueError, OSError) as exc:
        complain(f"cannot start: {exc}")
        return 2
    sys.argv[:] = [""]
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    # Scripts' folders are not ours to write to.
    sys.dont_write_bytecode = True
    for failure in warm_up(settings.preload):
        complain(failure)
    spare_children()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pool = Pool(listeners, settings, parent)
    settle()
    pool.serve()
    # Told once more, while the interpreter ends.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 0
