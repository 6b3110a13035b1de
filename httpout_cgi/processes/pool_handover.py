"""What a kept child does not do itself: it hands the connection to the pool, as it is.

With all that has been read of it, in a file, for a datagram is too small.  Standard
library only.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any, NamedTuple, Sequence

from httpout_cgi.processes.pool_door import Mount

# The bytes that were read, the connection, and a worker's three, or four for a page.
_OF_OTHERS, _OF_WORKER, _OF_PAGE = 2, 5, 6
_PID_SIZE = 4
# As much as one recv() of a kept child returns.
_LARGEST = 1 << 20


class Handed(NamedTuple):
    """``received`` are bytes and descriptors; ``mounts`` those of the listener.

    Whoever has it closes what is in here.
    """

    connection: socket.socket
    mounts: Sequence[Mount] | None
    received: tuple[bytes, list[int]]


# Any: a socket of _socket's, which typeshed takes for no socket.
def hand_over(
    pool: socket.socket,
    index: int,
    data: bytes,
    connection: Any,
    descriptors: Sequence[int],
) -> None:
    """Hand it over, and close it here; without a word to the peer if that fails."""
    blob = -1
    try:
        blob = _write_blob(data)
        rights = [blob, connection.fileno(), *descriptors]
        payload = memoryview(bytearray(4 * len(rights))).cast("i")
        for place, number in enumerate(rights):
            payload[place] = number
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, payload)]
        pool.sendmsg([bytes([index])], ancillary)
    except OSError:
        pass  # the pool has gone: the peer sees its connection end
    finally:
        connection.close()
        for number in (blob, *descriptors):
            if number >= 0:
                os.close(number)


def say_farewell(pool: socket.socket, pid: int) -> None:
    """Tell the pool that a child is going to leave.

    Which one by its process id: its slot may be another's when the pool reads this.
    """
    with suppress(OSError):  # the pool has gone, or has more to do
        pool.send(pid.to_bytes(_PID_SIZE, "little"), socket.MSG_DONTWAIT)


def _write_blob(data: bytes) -> int:
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("request")
    else:  # pragma: no cover - not Linux
        import tempfile

        with tempfile.TemporaryFile() as file:
            number = os.dup(file.fileno())
    os.write(number, data)
    return number


def take_over(
    child: socket.socket, mounts: Sequence[Sequence[Mount] | None]
) -> Handed | int | None:
    """Take what a child hands over, in the pool; None if that makes no sense.

    A number is the process id of a child that says farewell.  Raises BlockingIOError if
    there is nothing.
    """
    data, ancillary, _, _ = child.recvmsg(_PID_SIZE, socket.CMSG_SPACE(_OF_PAGE * 4))
    numbers: list[int] = []
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers += memoryview(payload[: len(payload) // 4 * 4]).cast("i")
    for number in numbers:
        os.set_inheritable(number, False)
    if not numbers and len(data) == _PID_SIZE:
        return int.from_bytes(data, "little")
    is_known = len(numbers) in (_OF_OTHERS, _OF_WORKER, _OF_PAGE)
    if not is_known or not data or data[0] >= len(mounts):
        _close_all(numbers)
        return None
    blob, connection, *descriptors = numbers
    try:
        received = os.pread(blob, _LARGEST, 0)
        taken = socket.socket(fileno=connection)
    except OSError:
        _close_all(numbers)
        return None
    os.close(blob)
    return Handed(taken, mounts[data[0]], (received, descriptors))


def _close_all(numbers: Sequence[int]) -> None:
    for number in numbers:
        os.close(number)
