"""The control channel between the supervisor and one worker.

A message is one byte, so it is never torn, with file descriptors beside it; what is
longer lies in an unnamed file whose descriptor is sent along.  So the supervisor never
waits for a worker that does not read.  Must not know what the settings mean.
"""

import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from httpout_cgi.errors import StartError

CONFIGURE: Final = b"C"
READY: Final = b"R"
# From a worker that is worn out: it asks for a successor.  To it: the successor is
# ready, so accept no more, and end when what runs has ended.
LEAVE: Final = b"L"

# How long runs may go on after SIGTERM.  The worker ends what is left then; the
# supervisor waits a little longer.
GRACE: Final = 10.0

# Exit status of a worker that would fail again (sysexits.h EX_SOFTWARE).
CANNOT_START: Final = 70

# The kernel passes at most 253 descriptors at a time (SCM_MAX_FD); three are ours.
MAX_LISTENERS: Final = 250


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a worker works with; whoever receives it closes its descriptors.

    ``listeners`` are in the order of the settings' ``listen``; ``pool`` is the path of
    the socket where process runs are asked for.
    """

    config: str
    access_log: int
    error_log: int
    listeners: tuple[int, ...]
    pool: str


def pair() -> tuple[socket.socket, socket.socket]:
    """Make a channel: the supervisor's end, which never blocks, and the worker's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setblocking(False)
    return ours, theirs


def send_configuration(channel: socket.socket, configuration: Configuration) -> None:
    """Send settings, logs and listeners.

    Raises OSError if the worker is gone, or did not read for a very long time.
    """
    with tempfile.TemporaryFile() as file:
        # No path has a null character; bytes of one that are not UTF-8 survive.
        file.write(os.fsencode(configuration.pool) + b"\0")
        file.write(configuration.config.encode())
        file.flush()
        descriptors = [
            file.fileno(),
            configuration.access_log,
            configuration.error_log,
            *configuration.listeners,
        ]
        socket.send_fds(channel, [CONFIGURE], descriptors)


def receive(channel: socket.socket) -> Configuration | bytes | None:
    """Receive the next configuration, or LEAVE; None if the supervisor is gone."""
    word, received, flags, _ = socket.recv_fds(channel, 1, MAX_LISTENERS + 3)
    if word == LEAVE:
        return LEAVE
    if not received:
        return None
    if flags & socket.MSG_CTRUNC:
        _close(received)
        raise StartError("too many open files: raise the limit (ulimit -n)")
    file, access_log, error_log, *listeners = received
    with open(file, "rb") as stream:
        stream.seek(0)
        pool, _, text = stream.read().partition(b"\0")
    for descriptor in received[1:]:
        os.set_inheritable(descriptor, False)
    return Configuration(
        text.decode(), access_log, error_log, tuple(listeners), os.fsdecode(pool)
    )


def send_ready(channel: socket.socket) -> None:
    """Tell the supervisor that the worker accepts connections."""
    channel.sendall(READY)


def send_leave(channel: socket.socket) -> None:
    """Ask to leave, or say that it is time to.  Raises OSError as any sending."""
    channel.sendall(LEAVE)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
