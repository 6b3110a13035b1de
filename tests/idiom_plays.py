"""Runs under way: how a row's story goes on with a script, live or as a child.

A script waits by reading a line from a gate, a FIFO whose name begins with the query.
"""

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPResponse
from itertools import count
from pathlib import Path

from tests.idiom_stage import HOST, Stage
from tests.idioms import Row
from tests.live import PATIENCE
from tests.live_site import Client

_numbers = count()
_NAMES = ("0", "1", "2", "told")


class Gates:
    """FIFOs that a script opens by name, held open by us: nobody waits to open one."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self._descriptors: dict[str, int] = {}
        for name in _NAMES:
            path = f"{prefix}{name}"
            os.mkfifo(path)
            self._descriptors[name] = os.open(path, os.O_RDWR)

    def open(self, name: str) -> None:
        """Let a script go on."""
        os.write(self._descriptors[name], b"\n")

    def read(self, name: str) -> bytes:
        """Wait for what a script writes to a FIFO."""
        return _read(self._descriptors[name], name)

    def close(self) -> None:
        """Let every script go on."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)


class _Play:
    """What both ways have in common; see idioms.Play."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._unread = b""

    def read_until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            data = self._receive()
            assert data, f"ended before {mark!r}: {self._unread!r}"
            self._unread += data
        end = self._unread.index(mark) + len(mark)
        found, self._unread = self._unread[:end], self._unread[end:]
        return found

    def read_rest(self) -> bytes:
        while data := self._receive():
            self._unread += data
        rest, self._unread = self._unread, b""
        return rest

    def open_gate(self, name: str) -> None:
        self._gates.open(name)

    def wait_for_word(self) -> bytes:
        return self._gates.read("told")

    def _receive(self) -> bytes:
        raise NotImplementedError


class _LivePlay(_Play):
    def __init__(self, gates: Gates, client: Client) -> None:
        super().__init__(gates)
        self._client = client
        self._response: HTTPResponse | None = None

    def leave(self) -> None:
        # Both have the socket open.
        if self._response is not None:
            self._response.close()
        self._client.__exit__(None, None, None)

    def _receive(self) -> bytes:
        if self._response is None:
            self._response = self._client.begin()
            assert self._response.status == 200
        return self._response.read1(65536)


class _ChildPlay(_Play):
    def __init__(self, gates: Gates, child: subprocess.Popen[bytes]) -> None:
        super().__init__(gates)
        assert child.stdout
        self._output = child.stdout
        self.read_until(b"\n\n")  # the header section

    def leave(self) -> None:
        self._output.close()

    def _receive(self) -> bytes:
        return _read(self._output.fileno(), "output")


def _read(descriptor: int, name: str) -> bytes:
    readable, _, _ = select.select([descriptor], [], [], PATIENCE)
    assert readable, f"nothing came: {name}"
    return os.read(descriptor, 65536)


@contextmanager
def _open_gates(stage: Stage) -> Iterator[Gates]:
    gates = Gates(stage.site.folder / f"gate{next(_numbers)}-")
    try:
        yield gates
    finally:
        gates.close()


@contextmanager
def play_live(stage: Stage, row: Row) -> Iterator[_LivePlay]:
    """Let the server start the script; whatever happens, it can go on at the end."""
    with _open_gates(stage) as gates, stage.site.open() as client:
        client.send(f"{row.mount}{row.script}?{gates.prefix}", f"Host: {HOST}")
        yield _LivePlay(gates, client)


@contextmanager
def play_child(stage: Stage, row: Row) -> Iterator[_ChildPlay]:
    """Start the script as a child, which ends with the story."""
    with _open_gates(stage) as gates:
        asked = replace(row, target=f"?{gates.prefix}")
        child = stage.start_child(asked)
        try:
            yield _ChildPlay(gates, child)
        finally:
            child.kill()
            child.communicate()
