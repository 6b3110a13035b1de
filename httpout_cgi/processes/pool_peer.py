"""A connection of a pool: its head is read, then a child answers on it.

Whoever may connect may send anything.  Standard library only.
"""

from __future__ import annotations

import os
import socket
from typing import Sequence

from httpout_cgi.processes.pool_door import Mount, admit
from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_run import Run, read_run
from httpout_cgi.protocol import scgi

_READ_SIZE = 65_536

# A worker sends three descriptors with a request: standard input, standard error, and
# a pipe that is told how the child ended.  For a page, also a file that the child
# appends its header section to.  Others send none.
_DESCRIPTORS, _OF_PAGE = 3, 4
# A pipe takes so much at once, or nothing.
_LONGEST_REFUSAL = 512


class Peer:
    """``deadline`` is that of the head, then that of the run.

    ``run`` is None until the head has been read.  Raises OSError and ValueError for
    what no run can come of.  ``mounts`` is None for a worker; another server may ask
    for what is in there.
    """

    def __init__(
        self,
        connection: socket.socket,
        deadline: float,
        mounts: Sequence[Mount] | None = None,
        received: tuple[bytes, list[int]] | None = None,
    ) -> None:
        connection.setblocking(False)
        self.number = connection.fileno()
        self.deadline = deadline
        self.run: Run | None = None
        self.pid = 0
        self.is_watched = True
        self.notes: Notes | None = None
        self._connection = connection
        # What a kept child has read of it.
        self._given = received
        self.mounts = mounts
        self._is_refused = False
        self._received = bytearray()
        self._descriptors: list[int] = []

    @property
    def path(self) -> str:
        """Return the path of the script."""
        return "" if self.run is None else self.run.path

    def read(self) -> bool:
        """Read what there is of the head; tell whether the connection goes on.

        Raises Refusal; then ``refuse`` is to be called.
        """
        if self._given is not None:
            (data, descriptors), self._given = self._given, None
            self._take(data, descriptors, is_cut=False)
            return True
        try:
            if self._is_refused:
                return bool(self._connection.recv(_READ_SIZE))
            data, descriptors, is_cut = _receive(self._connection)
        except BlockingIOError:
            return True
        self._take(data, descriptors, is_cut=is_cut)
        return bool(data)

    def _take(self, data: bytes, descriptors: list[int], *, is_cut: bool) -> None:
        self._descriptors += descriptors
        allowed = (0, _DESCRIPTORS, _OF_PAGE) if self.mounts is None else (0,)
        if is_cut or len(self._descriptors) not in allowed:
            raise ValueError("a wrong number of descriptors")
        self._received += data
        head = scgi.parse_head(bytes(self._received))
        if head is not None:
            content = bytes(self._received[head.size :])
            self._received.clear()
            if self.mounts is None:
                self.run = read_run(head, content)
            else:
                self.run, _ = admit(head, content, self.mounts)
            if bool(self.run.page) != (len(self._descriptors) == _OF_PAGE):
                raise ValueError("a wrong number of descriptors for what it asks for")
            if self._descriptors:
                # Another's pipe, full maybe: it cannot keep us waiting.
                os.set_blocking(self._descriptors[2], False)

    def refuse(self, answer: bytes) -> None:
        """Answer, and read on: closed before, the rest would be an error there."""
        self._is_refused = True
        self._connection.send(answer)
        self._connection.shutdown(socket.SHUT_WR)

    def descriptors(self) -> list[int]:
        """Return what a child needs; see pool_child.Descriptors."""
        source_and_error, head = self._descriptors[:2], self._descriptors[_DESCRIPTORS:]
        return [self.number, *source_and_error, *head]

    def tell_status(self, status: int) -> None:
        """Tell a worker how the child ended, as waitpid() has it."""
        self._tell(b"%d\n" % status)

    def tell_refusal(self, text: str) -> bool:
        """Tell a worker why there is no child; False if there is none that listens."""
        return self._tell(os.fsencode(text)[:_LONGEST_REFUSAL])

    def _tell(self, text: bytes) -> bool:
        if not self._descriptors:
            return False
        try:
            os.write(self._descriptors[2], text)
        except OSError:
            return False  # the worker has gone
        return True

    def release(self) -> None:
        """Let go of the connection and of what came with it."""
        self._connection.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []

    def close(self) -> None:
        """Let go of all, of what the child notes as well."""
        self.release()
        if self.notes is not None:
            self.notes.close()


def _receive(connection: socket.socket) -> tuple[bytes, list[int], bool]:
    """Receive bytes and descriptors; tell whether some of these were lost."""
    size = socket.CMSG_SPACE(_OF_PAGE * 4)
    data, ancillary, flags, _ = connection.recvmsg(_READ_SIZE, size)
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(payload) - len(payload) % 4
            descriptors += memoryview(payload[:whole]).cast("i")
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return data, descriptors, bool(flags & socket.MSG_CTRUNC)
