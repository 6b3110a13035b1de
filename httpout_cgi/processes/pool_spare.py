"""A spare child of a pool: forked already, it waits for what it is to run.

Forked several at a time: what the pool itself writes to between two forks is copied.
Standard library only.
"""

from __future__ import annotations

import marshal
import os
import socket
from typing import Sequence

from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_run import Run

# How long the pool waits for a child to take what is too large for the socket's buffer.
_PATIENCE = 5.0
_HEAD_SIZE = 8
# In the place of a size.
_WARM = bytes(_HEAD_SIZE)
_READ_SIZE = 65_536
_MOST_DESCRIPTORS = 4


class Spare:
    """Both ends: made before the fork.  ``pid`` is the pool's to set."""

    # It was told to prepare for its run.
    is_warm = False

    def __init__(self) -> None:
        self.pid = 0
        self.notes = Notes()
        self._ours, self._theirs = socket.socketpair()
        self._ours.settimeout(_PATIENCE)

    def begin(self) -> None:
        """Leave the child its end, in the pool."""
        self._theirs.close()

    def hand(self, run: Run, descriptors: Sequence[int]) -> None:
        """Let it run; raises OSError if it is not there any more."""
        body = marshal.dumps(tuple(run))
        data = len(body).to_bytes(_HEAD_SIZE, "little") + body
        size = _send(self._ours, data, descriptors)
        if size < len(data):
            self._ours.sendall(data[size:])
        self._ours.close()

    def warm(self) -> None:
        """Let it prepare for its run; raises OSError as ``hand`` does."""
        self.is_warm = True
        self._ours.sendall(_WARM)

    def receive(self) -> tuple[Run, list[int]] | None:
        """Wait, in the child, for what ``hand`` sends; None for what ``warm`` does.

        Raises EOFError if there is nothing.
        """
        data, ancillary, _, _ = self._theirs.recvmsg(
            _READ_SIZE, socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4)
        )
        descriptors: list[int] = []
        for _, _, payload in ancillary:
            descriptors += memoryview(payload).cast("i")
        if data.startswith(_WARM):
            data = data[_HEAD_SIZE:]
            if not data:
                return None
            # It has come meanwhile: there is nothing to prepare for any more.
        rest = int.from_bytes(data[:_HEAD_SIZE], "little") + _HEAD_SIZE - len(data)
        while rest > 0:
            more = os.read(self._theirs.fileno(), rest)
            if not more:
                break
            data += more
            rest -= len(more)
        if rest or not data:
            raise EOFError
        values = marshal.loads(memoryview(data)[_HEAD_SIZE:])
        self._theirs.close()
        return Run(*values), descriptors

    def keep_alone(self, last: int) -> None:
        """Close, in the child, all that is the pool's, up to the number ``last``."""
        number = self._theirs.fileno()
        os.closerange(3, number)
        os.closerange(number + 1, last + 1)

    def close(self) -> None:
        """Let go of it; it ends, if it has nothing to run."""
        self._ours.close()
        self._theirs.close()
        self.notes.close()


def _send(connection: socket.socket, data: bytes, descriptors: Sequence[int]) -> int:
    payload = memoryview(bytearray(4 * len(descriptors))).cast("i")
    for index, number in enumerate(descriptors):
        payload[index] = number
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, payload)
    return connection.sendmsg([data], [rights])


def find_last_descriptor() -> int:
    """Return a number above which no descriptor is open in this process."""
    try:
        return max(map(int, os.listdir("/dev/fd")))
    except OSError:
        return os.sysconf("SC_OPEN_MAX")
