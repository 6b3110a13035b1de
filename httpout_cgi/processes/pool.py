"""A pool: one warm, single-threaded interpreter that forks a child for each run.

It inherits a listening Unix socket, speaks SCGI on it, and runs scripts as whoever it
was started as.  Standard library only: it may be another Python than the server's.
Here is how it starts; processes/boot.py knows this file by its name.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Sequence

from httpout_cgi.processes.pool_door import Mount, read_mounts
from httpout_cgi.processes.pool_forks import close_to_others, spare_children
from httpout_cgi.processes.pool_log import complain
from httpout_cgi.processes.pool_loop import Pool
from httpout_cgi.processes.pool_settings import OWN, read_settings
from httpout_cgi.processes.pool_warmth import settle, warm_up


def _open_listeners(
    given: Sequence[int],
) -> dict[socket.socket, Sequence[Mount] | None]:
    own = socket.socket(fileno=os.dup(0))
    if not given:
        return {own: None}
    number, mounts = given
    other = socket.socket(fileno=number)
    other.set_inheritable(False)
    with open(mounts, encoding="utf-8") as file:
        return {own: None, other: read_mounts(file.read())}


def main() -> int:
    """Run a pool: its socket is descriptor 0, its settings are ``sys.argv[1]``.

    If there is a socket for other servers, ``sys.argv[2:]`` are its descriptor, and
    that of a file with the script mounts.
    """
    parent = os.getppid()
    close_to_others()
    try:
        settings = read_settings(sys.argv[1], os.environ.pop(OWN, "{}"))
        listeners = _open_listeners([int(number) for number in sys.argv[2:]])
    except (IndexError, ValueError, OSError) as exc:
        complain(f"cannot start: {exc}")
        return 2
    sys.argv[:] = [""]
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    # Scripts' folders are not ours to write to.
    sys.dont_write_bytecode = True
    for failure in warm_up(settings.preload):
        complain(failure)
    spare_children()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pool = Pool(listeners, settings, parent)
    settle()
    pool.serve()
    # Told once more, while the interpreter ends.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 0
