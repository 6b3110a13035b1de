"""A connection of a pool: its head is read, then a child answers on it.

Whoever may connect may send anything.  Standard library only.
"""

from __future__ import annotations

import os
import socket

from httpout_cgi.processes.pool_child import Descriptors
from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_run import Run, read_run
from httpout_cgi.protocol import scgi

_READ_SIZE = 65_536

# A worker sends three descriptors with a request: standard input, standard error, and
# a pipe that is told how the child ended.  Others send none.
_DESCRIPTORS = 3


class Peer:
    """``deadline`` is that of the head, then that of the run.

    ``run`` is None until the head has been read.  Raises OSError and ValueError for
    what no run can come of.
    """

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        connection.setblocking(False)
        self.number = connection.fileno()
        self.deadline = deadline
        self.run: Run | None = None
        self.pid = 0
        self.is_watched = True
        self.notes: Notes | None = None
        self._connection = connection
        self._received = bytearray()
        self._descriptors: list[int] = []

    @property
    def path(self) -> str:
        """Return the path of the script."""
        return "" if self.run is None else self.run.path

    def read(self) -> bool:
        """Read what there is of the head; tell whether the connection goes on."""
        try:
            data, descriptors, is_cut = _receive(self._connection)
        except BlockingIOError:
            return True
        self._descriptors += descriptors
        if is_cut or len(self._descriptors) not in (0, _DESCRIPTORS):
            raise ValueError("a wrong number of descriptors")
        self._received += data
        head = scgi.parse_head(bytes(self._received))
        if head is not None:
            self.run = read_run(head, bytes(self._received[head.size :]))
            self._received.clear()
            if self._descriptors:
                # Another's pipe, full maybe: it cannot keep us waiting.
                os.set_blocking(self._descriptors[2], False)
        return bool(data)

    def detach(self) -> Descriptors:
        """Return what the child needs, in the child: the rest is closed."""
        if not self._descriptors:
            return Descriptors(-1, self._connection.detach(), 2)
        source, error, status = self._descriptors
        os.close(status)
        return Descriptors(source, self._connection.detach(), error)

    def tell_status(self, status: int) -> None:
        """Tell a worker how the child ended, as waitpid() has it."""
        if self._descriptors:
            try:
                os.write(self._descriptors[2], b"%d\n" % status)
            except OSError:
                return  # the worker has gone

    def close(self) -> None:
        """Let go of the connection and of what came with it."""
        self._connection.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []
        if self.notes is not None:
            self.notes.close()


def _receive(connection: socket.socket) -> tuple[bytes, list[int], bool]:
    """Receive bytes and descriptors; tell whether some of these were lost."""
    size = socket.CMSG_SPACE(_DESCRIPTORS * 4)
    data, ancillary, flags, _ = connection.recvmsg(_READ_SIZE, size)
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(payload) - len(payload) % 4
            descriptors += memoryview(payload[:whole]).cast("i")
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return data, descriptors, bool(flags & socket.MSG_CTRUNC)
