"""The loop of a pool: waits for connections, children and signals, and when it leaves.

Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from typing import TYPE_CHECKING, Mapping, Sequence

from httpout_cgi.processes import pool_ownership, pool_program
from httpout_cgi.processes.pool_children import Children
from httpout_cgi.processes.pool_door import Mount
from httpout_cgi.processes.pool_listeners import Listeners
from httpout_cgi.processes.pool_log import complain
from httpout_cgi.processes.pool_peer import Peer
from httpout_cgi.processes.pool_peers import Peers
from httpout_cgi.processes.pool_settings import Settings
from httpout_cgi.protocol.ownership import REFUSED, OwnershipError

if TYPE_CHECKING:
    from httpout_cgi.processes.pool_keeping import KeptChildren

_READ_SIZE = 65_536
# When nobody has come for so long, there is time to prepare for the next one.
_PAUSE_MS = 3
# Between looks at who our parent is.
_LOOK_SECONDS = 2.0


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
        self._settings = settings
        self._poll = select.poll()
        # How often we were told to leave.
        self._orders = 0
        self._parent = parent
        self._last_used = time.monotonic()
        self._wakeup, self._waker = socket.socketpair()
        self._children = Children(settings)
        self._peers = Peers(self._poll, self._children)
        self._listeners = Listeners(listeners, self._poll, self._peers)
        self._kept = _keep_children(listeners, settings, self._children)

    def serve(self) -> None:
        """Serve; returns when all children have ended."""
        self._take_signals()
        self._poll.register(self._wakeup, select.POLLIN)
        if self._kept is not None:
            self._poll.register(self._kept.handover, select.POLLIN)
        while not self._is_done():
            now = time.monotonic()
            self._listeners.listen_or_not(now, may_listen=self._may_listen())
            for number, _ in self._wait(now):
                self._handle(number)
            for peer in self._children.reap():
                self._peers.forget(peer)
                self._last_used = time.monotonic()
            for peer in self._children.conclude():
                self._peers.release(peer)
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
        return self._have_kept_left() and not self._listeners.has_caller()

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

    def _may_listen(self) -> bool:
        """Tell whether whoever comes now would get a child soon."""
        return (
            not self._orders
            and (self._kept is None or self._kept.count < self._settings.processes)
            and len(self._peers.waiting) < self._settings.processes
        )

    def _patience_ms(self, now: float) -> int:
        """Return how long there is nothing to do but what poll() tells of."""
        until = [now + _LOOK_SECONDS, *self._children.deadlines()]
        until += self._peers.deadlines()
        if self._listeners.rests_until > now:
            until.append(self._listeners.rests_until)
        if self._kept is not None and self._kept.count:
            is_awaited = bool(self._peers.waiting)
            until.append(now + self._kept.patience(now, is_awaited=is_awaited))
        is_idle = not self._peers and not self._children.count
        if is_idle and self._settings.idle is not None:
            until.append(self._last_used + self._settings.idle)
        return max(int((min(until) - now) * 1000) + 1, 1)

    def _handle(self, number: int) -> None:
        if number in self._listeners:
            if self._kept is None:
                self._listeners.accept(number)
            else:
                self._consider_kept(self._kept)
        elif self._kept is not None and number == self._kept.handover.fileno():
            self._take_over()
        elif number == self._wakeup.fileno():
            self._wakeup.recv(_READ_SIZE)
        elif number in self._peers:
            self._peers.hear(number)

    def _consider_kept(self, kept: KeptChildren) -> None:
        try:
            self._listeners.rests_until = kept.consider(time.monotonic())
        except OSError as exc:  # no more processes: those that there are go on
            self._listeners.rest(exc)

    def _take_over(self) -> None:
        """Take a connection from a kept child, with what it has read of it."""
        assert self._kept is not None
        handed = self._kept.take()
        if handed is not None:
            self._peers.meet(handed.connection, handed.mounts, handed.received)

    def _start_waiting(self) -> None:
        while self._peers.waiting and self._has_room():
            peer = self._peers.waiting.popleft()
            try:
                self._admit(peer)
                self._children.start(peer)
            except OwnershipError as exc:
                if not peer.tell_refusal(f"{REFUSED}{exc}"):
                    complain(f"{REFUSED}{exc}")
                self._peers.forget(peer)
            except OSError as exc:
                # Closed without a word and a status: 503.
                complain(f"no process for {peer.path}: {exc}")
                self._peers.forget(peer)

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

    def _look_after_deadlines(self, now: float) -> None:
        self._peers.look_after_deadlines(now)
        if self._kept is not None:
            self._kept.look(now)
        self._children.kill_overdue(now)

    def _drop_all(self) -> None:
        """Kill what runs; nothing else is started."""
        self._peers.drop_childless()
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
