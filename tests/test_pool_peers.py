"""The connections of a pool, one by one: what each says, and who is let go of when."""

import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from httpout_cgi.processes.pool_children import Children
from httpout_cgi.processes.pool_door import Mount
from httpout_cgi.processes.pool_peer import Peer
from httpout_cgi.processes.pool_peers import Peers
from httpout_cgi.protocol.scgi import encode_head


class Ender:
    """Stands for the children: remembers who was told to end."""

    def __init__(self) -> None:
        self.ended: list[Peer] = []

    def end(self, peer: Peer) -> None:
        self.ended.append(peer)


class Stage:
    """Peers, and the other ends of their connections."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.poll = select.poll()
        self.children = Ender()
        self.peers = Peers(self.poll, cast(Children, self.children))

    def meet(
        self, data: bytes = b"", mounts: Sequence[Mount] | None = None
    ) -> tuple[socket.socket, int]:
        """Let one come that has sent this; return its end, and its number here."""
        ours, theirs = socket.socketpair()
        self._stack.callback(ours.close)
        theirs.setblocking(False)
        self._stack.callback(theirs.close)
        theirs.send(data)
        self.peers.meet(ours, mounts)
        return theirs, ours.fileno()

    def list_told(self) -> list[int]:
        """Return the numbers of those that have something to say."""
        return [number for number, _ in self.poll.poll(0)]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(stack)


def ask_for(path: Path) -> bytes:
    return encode_head({"SCRIPT_FILENAME": str(path)})


def is_closed(theirs: socket.socket) -> bool:
    return theirs.recv(1) == b""


def test_who_says_nothing_is_dropped_at_last(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    theirs, _ = stage.meet()
    (deadline,) = stage.peers.deadlines()
    stage.peers.look_after_deadlines(deadline - 0.1)
    assert len(stage.peers) == 1
    stage.peers.look_after_deadlines(deadline)
    assert not stage.peers
    assert is_closed(theirs)
    assert capfd.readouterr().err == "pool: a peer was dropped: it sent no request\n"


def test_who_has_asked_waits_for_as_long_as_it_takes(
    stage: Stage, tmp_path: Path
) -> None:
    stage.meet(ask_for(tmp_path))
    assert stage.peers.deadlines() == [float("inf")]
    assert [peer.path for peer in stage.peers.waiting] == [str(tmp_path)]


def test_who_leaves_while_it_waits_is_forgotten(stage: Stage, tmp_path: Path) -> None:
    theirs, number = stage.meet(ask_for(tmp_path))
    theirs.shutdown(socket.SHUT_WR)
    assert stage.list_told() == []  # it may still read
    theirs.close()
    assert stage.list_told() == [number]
    stage.peers.hear(number)
    assert not stage.peers
    assert not stage.peers.waiting
    assert number not in stage.peers


@pytest.mark.parametrize("is_overdue", [False, True], ids=["left", "overdue"])
def test_a_run_is_told_to_end_once(
    stage: Stage, tmp_path: Path, is_overdue: bool
) -> None:
    theirs, number = stage.meet(ask_for(tmp_path))
    peer = stage.peers.waiting.popleft()
    peer.pid = 1
    theirs.close()
    if is_overdue:
        peer.deadline = 7.0
        stage.peers.look_after_deadlines(7.0)
    else:
        stage.peers.hear(number)
    assert stage.children.ended == [peer]
    assert stage.list_told() == []
    stage.peers.look_after_deadlines(1e9)
    assert stage.children.ended == [peer]
    # It is reaped later.
    assert number in stage.peers
    stage.peers.forget(peer)
    assert not stage.peers


def test_who_is_refused_is_answered_and_read_to_the_end(
    stage: Stage, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    theirs, number = stage.meet(ask_for(tmp_path), ())
    assert theirs.recv(1000).startswith(b"Status: 403 Forbidden\r\n")
    assert is_closed(theirs)
    assert capfd.readouterr().err.startswith("pool: 403 refused: ")
    theirs.send(b"the rest")
    stage.peers.hear(number)
    assert number in stage.peers
    assert not stage.peers.waiting
    theirs.close()
    stage.peers.hear(number)
    assert not stage.peers


def test_those_without_a_child_are_counted_by_their_listener(
    stage: Stage, tmp_path: Path
) -> None:
    mounts: tuple[Mount, ...] = ()
    for _ in range(3):
        stage.meet(mounts=mounts)
    stage.meet()
    stage.meet(ask_for(tmp_path))
    assert stage.peers.count_without_child(mounts) == 3
    assert stage.peers.count_without_child(None) == 2
    stage.peers.waiting[0].pid = 1
    assert stage.peers.count_without_child(None) == 1


def test_only_those_without_a_child_are_dropped(stage: Stage, tmp_path: Path) -> None:
    silent, _ = stage.meet()
    waits, _ = stage.meet(ask_for(tmp_path))
    _, number = stage.meet(ask_for(tmp_path))
    stage.peers.waiting.pop().pid = 1
    stage.peers.drop_childless()
    assert (is_closed(silent), is_closed(waits)) == (True, True)
    assert not stage.peers.waiting
    assert len(stage.peers) == 1
    assert number in stage.peers


def test_a_number_may_be_anothers_already(stage: Stage, tmp_path: Path) -> None:
    _, number = stage.meet(ask_for(tmp_path))
    former = stage.peers.waiting.popleft()
    stage.peers.release(former)
    _, again = stage.meet()
    assert again == number
    stage.peers.forget(former)
    assert number in stage.peers
