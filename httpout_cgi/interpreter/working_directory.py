"""A working directory and a umask for each thread (Linux: unshare(CLONE_FS)).

The kernel keeps both in a structure that threads share unless one asks for its own;
that needs no privilege.
"""

from __future__ import annotations

import ctypes
import os
import threading
from functools import lru_cache
from typing import Callable, List, Optional, cast

# linux/sched.h: share the working directory, the root and the umask.
_CLONE_FS = 0x200


def own_working_directory() -> None:
    """Give the calling thread a working directory and a umask of its own, for good.

    Raises OSError where the system refuses it or does not know it.
    """
    _unshare()(_CLONE_FS)


def is_available() -> bool:
    """Tell whether threads can have a working directory each, by trying it."""
    outcome: List[bool] = []

    def probe() -> None:
        try:
            own_working_directory()
        except OSError:
            outcome.append(False)
        else:
            outcome.append(True)

    thread = threading.Thread(target=probe, name="working-directory-probe")
    thread.start()
    thread.join()
    return outcome == [True]


def _load_chdir() -> Optional[Callable[[bytes], int]]:
    """Return the C library's chdir(), to be called without letting go of the GIL.

    os.chdir() lets go of it, as any call that might block: at every start of a run,
    the other threads would take turns, which costs more than the run itself.
    """
    try:
        chdir = ctypes.PyDLL(None, use_errno=True).chdir
    except (AttributeError, OSError, TypeError):  # pragma: no cover - not on Linux
        return None
    chdir.argtypes = [ctypes.c_char_p]
    chdir.restype = ctypes.c_int
    return cast("Callable[[bytes], int]", chdir)


_chdir = _load_chdir()
_encode = lru_cache(maxsize=256)(os.fsencode)


def change_to(directory: str) -> None:
    """Make this the thread's working directory.  Raises OSError."""
    if _chdir is None or _chdir(_encode(directory)) != 0:
        # Again, for the error that it raises.
        os.chdir(directory)


def _unshare() -> Callable[[int], None]:
    # Python 3.12 has it; before, and with an older C library, ctypes does.
    native = getattr(os, "unshare", None)
    return native if native is not None else _unshare_with_ctypes


def _unshare_with_ctypes(flags: int) -> None:
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError) as exc:
        raise OSError("this system has no unshare()") from exc
    if unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
