"""The listeners of a pool: whom it accepts, and when it leaves them in the backlog.

Standard library only.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import Mapping, Sequence

from httpout_cgi.processes.pool_door import Mount
from httpout_cgi.processes.pool_log import complain
from httpout_cgi.processes.pool_peers import Peers

# Peers of one listener that have not got a child yet; more wait in the backlog.
_MOST_WITHOUT_CHILD = 64
# After accept() found no descriptor or no memory.
_REST_SECONDS = 0.1
# Between two lines about that.
_QUIET_SECONDS = 60.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listeners:
    """Each is watched by ``poll`` while one more of its peers may come.

    ``rests_until`` is when they may again; it is the pool's to set as well.
    """

    def __init__(
        self,
        listeners: Mapping[socket.socket, Sequence[Mount] | None],
        poll: select.poll,
        peers: Peers,
    ) -> None:
        self._listeners = {one.fileno(): one for one in listeners}
        self._mounts = {one.fileno(): mounts for one, mounts in listeners.items()}
        self._poll = poll
        self._peers = peers
        # Those that are watched.
        self._heeded: set[int] = set()
        self.rests_until = 0.0
        self._next_complaint = 0.0
        for listener in listeners:
            listener.setblocking(False)

    def __contains__(self, number: int) -> bool:
        return number in self._listeners

    def has_caller(self) -> bool:
        """Tell whether a connection waits to be accepted."""
        return bool(select.select([*self._listeners], [], [], 0)[0])

    def listen_or_not(self, now: float, *, may_listen: bool) -> None:
        """Watch those that are to be heeded, if any are, and no others."""
        may_listen = may_listen and now >= self.rests_until
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
        count = self._peers.count_without_child(self._mounts[number])
        return count < _MOST_WITHOUT_CHILD

    def accept(self, number: int) -> None:
        """Meet the next peer of a listener, if there is one."""
        try:
            connection, _ = self._listeners[number].accept()
        except OSError as exc:
            if exc.errno in _EXHAUSTED:
                self.rest(exc)
            return  # else another one took it, or the peer has left
        self._peers.meet(connection, self._mounts[number])

    def rest(self, reason: OSError) -> None:
        """Accept nothing for a moment: others give back what there is too little of."""
        now = time.monotonic()
        self.rests_until = now + _REST_SECONDS
        if now >= self._next_complaint:
            self._next_complaint = now + _QUIET_SECONDS
            complain(f"no connection can be accepted: {reason}")
