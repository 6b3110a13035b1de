"""The control channel between the supervisor and one worker.

A message is one byte, so it is never torn, with file descriptors beside it; what is
longer lies in a file without a name, whose descriptor is sent along.  So the supervisor
never waits for a worker that does not read.  Must not know what the settings mean.
"""

import os
import re
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from httpout_cgi.errors import StartError

CONFIGURE: Final = b"C"
READY: Final = b"R"
# From a worker that is worn out: it asks for a successor.  To it: the successor is
# ready, so accept no more, and end when what runs has ended.
LEAVE: Final = b"L"
# From a worker: the name of an account, whose pool it wants to ask, or the path of
# another Python, and a line feed.  To it: an Answer.
ACCOUNT: Final = b"A"
_is_account = re.compile(r"[!-.0-~]{1,32}").fullmatch
_is_python = re.compile(r"/[!-~]{1,254}").fullmatch
# Linux reads so much of a shebang.
_LONGEST_NAME: Final = 255

# Exit status of a worker that would fail again (sysexits.h EX_SOFTWARE).
CANNOT_START: Final = 70

# A script in another thread may start a program before set_inheritable() is called, and
# the program would have the file with the key (Linux).
_CLOSE_ON_EXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

# The kernel passes at most 253 descriptors at a time (SCM_MAX_FD); three are ours.
MAX_LISTENERS: Final = 250


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a worker works with; whoever receives it closes its descriptors.

    ``listeners`` are in the order of the settings' ``listen``; ``pool`` is the path of
    the socket where process runs are asked for.  ``certificate`` is with its key (PEM),
    "" without TLS.
    """

    config: str
    access_log: int
    error_log: int
    listeners: tuple[int, ...]
    pool: str
    certificate: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a pool is asked, or the word that says why there is none.

    ``account`` is what was asked for: it may be the path of a Python as well.
    """

    account: str
    address: str = ""
    refusal: str = ""


class Words:
    """What a worker says, put together again; it is not trusted."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the whole words in what was received; raises ValueError."""
        words = []
        rest = self._rest + data
        while rest:
            size = 1
            if rest[:1] == ACCOUNT:
                size = rest.find(b"\n") + 1
                if not size and len(rest) <= _LONGEST_NAME + 1:
                    break
                name = rest[1 : size - 1].decode("latin-1")
                if not size or not (_is_account(name) or is_python(name)):
                    raise ValueError("no name of an account")
            elif rest[:1] not in (READY, LEAVE):
                raise ValueError(f"unknown word {rest[:1]!r}")
            words.append(rest[:size].rstrip(b"\n"))
            rest = rest[size:]
        self._rest = rest
        return words


def is_python(text: str) -> bool:
    """Tell whether it is a path by which the pool of a Python can be asked for.

    Not a bare name: it would be that of an account.
    """
    return _is_python(text) is not None


def pair() -> tuple[socket.socket, socket.socket]:
    """Make a channel: the supervisor's end, which never blocks, and the worker's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setblocking(False)
    return ours, theirs


def send_configuration(channel: socket.socket, configuration: Configuration) -> None:
    """Send settings, logs and listeners.

    Raises OSError if the worker is gone, or did not read for a very long time.
    """
    with _make_file() as file:
        # No path has a null character; bytes of one that are not UTF-8 survive.
        file.write(os.fsencode(configuration.pool) + b"\0")
        file.write(configuration.certificate.encode("ascii") + b"\0")
        file.write(configuration.config.encode())
        file.flush()
        descriptors = [
            file.fileno(),
            configuration.access_log,
            configuration.error_log,
            *configuration.listeners,
        ]
        socket.send_fds(channel, [CONFIGURE], descriptors)


def send_account(channel: socket.socket, name: str) -> None:
    """Ask for the pool of an account, or of another Python; see ``is_python``."""
    channel.sendall(ACCOUNT + name.encode("ascii") + b"\n")


def send_answer(channel: socket.socket, answer: Answer) -> None:
    """Answer such a question; raises OSError as ``send_configuration``."""
    with _make_file() as file:
        parts = answer.account, answer.address, answer.refusal
        file.write(b"\0".join(os.fsencode(part) for part in parts))
        file.flush()
        socket.send_fds(channel, [ACCOUNT], [file.fileno()])


def receive(channel: socket.socket) -> Configuration | Answer | bytes | None:
    """Receive the next configuration, answer or LEAVE; None without a supervisor."""
    word, received, flags = _receive_descriptors(channel)
    if word == LEAVE:
        return LEAVE
    if not received:
        return None
    if flags & socket.MSG_CTRUNC:
        _close(received)
        raise StartError("too many open files: raise the limit (ulimit -n)")
    if word == ACCOUNT:
        with open(received[0], "rb") as stream:
            stream.seek(0)
            return Answer(*map(os.fsdecode, stream.read().split(b"\0")))
    file, access_log, error_log, *listeners = received
    with open(file, "rb") as stream:
        stream.seek(0)
        pool, certificate, text = stream.read().split(b"\0", 2)
    for descriptor in received[1:]:
        os.set_inheritable(descriptor, False)
    return Configuration(
        text.decode(),
        access_log,
        error_log,
        tuple(listeners),
        os.fsdecode(pool),
        certificate.decode("ascii"),
    )


def _receive_descriptors(channel: socket.socket) -> tuple[bytes, list[int], int]:
    # Not recv_fds(): it forgets the flags that it is given (Python 3.11).
    size = socket.CMSG_LEN((MAX_LISTENERS + 3) * 4)
    word, ancillary, flags, _ = channel.recvmsg(1, size, _CLOSE_ON_EXEC)
    received: list[int] = []
    for _, _, payload in ancillary:  # nothing else is asked for
        received += memoryview(payload[: len(payload) // 4 * 4]).cast("i")
    return word, received, flags


def send_ready(channel: socket.socket) -> None:
    """Tell the supervisor that the worker accepts connections."""
    channel.sendall(READY)


def send_leave(channel: socket.socket) -> None:
    """Ask to leave, or say that it is time to.  Raises OSError as any sending."""
    channel.sendall(LEAVE)


def _make_file() -> BinaryIO:
    """Make a file without a name: in memory, because a key must not reach a disk.

    Systems that cannot do that have no TLS (processes/certificate.py).
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("settings"), "w+b")
    return tempfile.TemporaryFile()  # pragma: no cover  not on Linux


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
