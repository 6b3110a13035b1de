"""Whom a pool accepts: its listeners, their slots, and its rests."""

import errno
import json
import os
import select
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from httpout_cgi.processes.pool_children import Children
from httpout_cgi.processes.pool_door import Mount
from httpout_cgi.processes.pool_listeners import Listeners
from httpout_cgi.processes.pool_peers import Peers
from httpout_cgi.protocol.scgi import encode_head
from tests.live import PATIENCE
from tests.pool_process import Request, pool_process, save

# Peers of one listener that may be silent.
MOST = 64


class Stage:
    """A listener for workers, and one for other servers."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self.own, self.other = (self._listen(folder / name) for name in "ab")
        self.poll = select.poll()
        # Nobody here has a child.
        self.peers = Peers(self.poll, cast(Children, None))
        mounts: Sequence[Mount] = ()
        given = {self.own: None, self.other: mounts}
        self.listeners = Listeners(given, self.poll, self.peers)

    def _listen(self, path: Path) -> socket.socket:
        listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(MOST)
        return listener

    def connect(self, listener: socket.socket) -> socket.socket:
        client = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        client.connect(listener.getsockname())
        return client

    def listen(self, now: float = 0.0, *, may_listen: bool = True) -> list[int]:
        """Return the listeners at which somebody is heard."""
        self.listeners.listen_or_not(now, may_listen=may_listen)
        told = [number for number, _ in self.poll.poll(0)]
        return [number for number in told if number in self.listeners]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pool"))
        stage = Stage(stack, Path(folder))
        yield stage
        stage.peers.drop_childless()


def test_nobody_is_heard_while_the_pool_wants_nobody(stage: Stage) -> None:
    own = stage.own.fileno()
    assert not stage.listeners.has_caller()
    stage.connect(stage.own)
    assert stage.listeners.has_caller()
    assert stage.listen() == [own]
    assert stage.listen(may_listen=False) == []
    assert stage.listen() == [own]


def test_each_listener_has_slots_of_its_own(stage: Stage) -> None:
    own, other = stage.own.fileno(), stage.other.fileno()
    silent = []
    for _ in range(MOST):
        silent.append(stage.connect(stage.other))
        assert stage.listen() == [other]
        stage.listeners.accept(other)
    stage.connect(stage.other)
    assert stage.listen() == []
    # Slowloris outside, and a worker that comes all the same.
    stage.connect(stage.own)
    assert stage.listen() == [own]
    stage.listeners.accept(own)
    silent[0].close()
    (number,) = [number for number, _ in stage.poll.poll(0)]
    stage.peers.hear(number)
    assert stage.listen() == [other]


def test_who_has_left_or_is_anothers_is_nothing_to_tell(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not stage.own.getblocking()
    stage.listeners.accept(stage.own.fileno())
    assert not stage.peers
    assert stage.listeners.rests_until == 0.0
    assert capfd.readouterr().err == ""


def test_a_rest_is_told_of_once(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.connect(stage.own)
    for _ in range(3):
        stage.listeners.rest(OSError(errno.EMFILE, "too many"))
    until = stage.listeners.rests_until
    assert stage.listen(until - 0.001) == []
    assert stage.listen(until) == [stage.own.fileno()]
    told = "pool: no connection can be accepted: [Errno 24] too many\n"
    assert capfd.readouterr().err == told


# A program that gets the listening socket could answer in the place of the pool.
LIST = """
import subprocess
print("Hello", flush=True)
subprocess.run(["ls", "/proc/self/fd"], close_fds=False)
"""


@pytest.mark.parametrize("runs", [1, 9])
def test_a_pool_has_one_for_other_servers(tmp_path: Path, runs: int) -> None:
    path = save(tmp_path / "a.py", LIST)
    mount = {
        **{"url": "/", "path": str(tmp_path), "is_file": False, "match": ["*.py"]},
        **{"interpreters": {}, "environment": {}, "timeout": 60.0, "links": "owner"},
        **{"hides": True, "passes_authorization": False, "indexed_query": True},
        "judges": False,
    }
    with pool_process(runs_per_process=runs) as pool, ExitStack() as stack:
        other = stack.enter_context(socket.socket(socket.AF_UNIX))
        other.bind(f"{pool.address}2")
        other.listen(8)
        mounts = stack.enter_context(tempfile.TemporaryFile())
        mounts.write(json.dumps([mount]).encode())
        mounts.seek(0)
        numbers = [other.fileno(), mounts.fileno()]
        process = subprocess.Popen(
            [*pool.command, *map(str, numbers)],
            stdin=pool.listener.fileno(),
            pass_fds=numbers,
        )

        def ask(script: Path | str) -> bytes:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(PATIENCE)
            client.connect(other.getsockname())
            variables = {"SCRIPT_FILENAME": str(script), "REQUEST_METHOD": "GET"}
            client.sendall(encode_head({"CONTENT_LENGTH": "0", **variables}))
            return Request(client).read().output

        try:
            assert ask(path) == b"Hello\n0\n1\n2\n3\n"
            assert ask(os.path.realpath("/bin/ls")).startswith(b"Status: 403 ")
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0
