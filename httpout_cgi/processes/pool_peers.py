"""The peers of a pool: each is read from, waits for a child, and is let go of.

Standard library only.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from typing import Sequence

from httpout_cgi.processes.pool_children import Children
from httpout_cgi.processes.pool_door import Mount, Refusal
from httpout_cgi.processes.pool_log import complain
from httpout_cgi.processes.pool_peer import Peer

# A peer that connects and says nothing.
_HEAD_SECONDS = 10.0

# poll() tells unasked that a peer has closed.  Not POLLRDHUP: it may have sent all, and
# still read.
_NOTHING_ELSE = 0


class Peers:
    """Each is watched by ``poll``, and told there by the number of its connection.

    ``waiting`` are those that have asked for a run, which is the pool's to start.
    """

    def __init__(self, poll: select.poll, children: Children) -> None:
        self._poll = poll
        self._children = children
        self._peers: dict[int, Peer] = {}
        self.waiting: deque[Peer] = deque()

    def __len__(self) -> int:
        return len(self._peers)

    def __contains__(self, number: int) -> bool:
        return number in self._peers

    def count_without_child(self, mounts: Sequence[Mount] | None) -> int:
        """Return how many of one listener's have none yet."""
        return sum(
            not peer.pid and peer.mounts is mounts for peer in self._peers.values()
        )

    def deadlines(self) -> list[float]:
        """Return when there is something to do, if nothing happens before."""
        return [peer.deadline for peer in self._peers.values()]

    def meet(
        self,
        connection: socket.socket,
        mounts: Sequence[Mount] | None,
        received: tuple[bytes, list[int]] | None = None,
    ) -> None:
        """Take in a connection, with what has been read of it already."""
        deadline = time.monotonic() + _HEAD_SECONDS
        peer = Peer(connection, deadline, mounts, received)
        self._peers[peer.number] = peer
        self._poll.register(peer.number, select.POLLIN)
        self._read(peer)

    def hear(self, number: int) -> None:
        """Take what a connection has to say; once it has a run, only that it ends."""
        peer = self._peers[number]
        if peer.run is None:
            self._read(peer)
        elif peer.pid:
            # Nobody reads what the child writes.
            self._end(peer)
        else:
            self.waiting.remove(peer)
            self.forget(peer)

    def _read(self, peer: Peer) -> None:
        try:
            goes_on = self._read_or_refuse(peer)
        except (OSError, ValueError) as exc:
            complain(f"a request was refused: {exc}")
            goes_on = False
        if not goes_on:
            self.forget(peer)
        elif peer.run is not None:
            self._poll.modify(peer.number, _NOTHING_ELSE)
            peer.deadline = float("inf")
            self.waiting.append(peer)

    def _read_or_refuse(self, peer: Peer) -> bool:
        try:
            return peer.read()
        except Refusal as refusal:
            complain(str(refusal))
            peer.refuse(refusal.answer)
            return True

    def forget(self, peer: Peer) -> None:
        """Let go of one, and of what its child notes."""
        self.release(peer)
        peer.close()

    def release(self, peer: Peer) -> None:
        """Let go of one whose child may still be there."""
        # Its number may be another's already.
        if self._peers.get(peer.number) is peer:
            del self._peers[peer.number]
            if peer.is_watched:
                self._poll.unregister(peer.number)
        peer.release()

    def look_after_deadlines(self, now: float) -> None:
        """Let go of who says nothing, and end the runs that are over their time."""
        for peer in [one for one in self._peers.values() if one.deadline <= now]:
            if peer.pid:
                self._end(peer)
            else:
                complain("a peer was dropped: it sent no request")
                self.forget(peer)

    def _end(self, peer: Peer) -> None:
        if peer.is_watched:
            # Told once: poll() would say so again and again.
            self._poll.unregister(peer.number)
            peer.is_watched = False
        peer.deadline = float("inf")
        self._children.end(peer)

    def drop_childless(self) -> None:
        """Let go of all that have no child."""
        self.waiting.clear()
        for peer in list(self._peers.values()):
            if not peer.pid:
                self.forget(peer)
