"""Signals: handlers only enqueue, a loop acts."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from typing import Final

_RECEIVED: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGCHLD,
)


@contextlib.contextmanager
def receive() -> Iterator[socket.socket]:
    """Give a socket from which signals can be read, one byte each, without waiting."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        handlers = {one: signal.signal(one, ignore) for one in _RECEIVED}
        try:
            yield reader
        finally:
            for one, handler in handlers.items():
                signal.signal(one, handler)
            signal.set_wakeup_fd(wakeup)


def ignore(number: int, frame: object) -> None:
    """Do nothing: unlike SIG_IGN, it wakes a loop, and no child inherits it."""


def has_terminal() -> bool:
    """Tell whether there is a terminal that could hang up on us.

    After nohup(1) there is none: it has SIGHUP ignored.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
