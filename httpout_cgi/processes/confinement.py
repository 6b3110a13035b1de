"""Confinement: what a worker gives up for good before it reads a byte of a client.

The account alone is no end: programs with the set-user-ID bit, and capabilities that
systemd gives to a service (AmbientCapabilities), would be a way back.
"""

import ctypes
import os
from typing import Final

from httpout_cgi.errors import StartError

# From <linux/prctl.h> and <linux/capability.h>.
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3: Final = 0x2008_0522


def confine(*, no_new_privileges: bool, is_closed: bool) -> None:
    """Give up capabilities, and with ``no_new_privileges`` to ever gain rights.

    That holds for all that the process starts.  If it ``is_closed``, other processes of
    its account can neither trace it nor read its memory, where keys and the requests of
    others are.  Raises StartError if Linux refuses; other systems have nothing of the
    kind.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "prctl") or not hasattr(libc, "capset"):
        return
    if os.geteuid() != 0:
        # All sets: to bind low ports, say, is the supervisor's alone.
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        _check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    if is_closed:
        _check(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "PR_SET_DUMPABLE")
    if no_new_privileges:
        _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privileges")


def _check(result: int, what: str) -> None:
    if result != 0:
        reason = os.strerror(ctypes.get_errno())
        raise StartError(f"a worker cannot give up its rights: {what}: {reason}")
