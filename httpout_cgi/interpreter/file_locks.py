"""lockf() between runs: locks that belong to an open file, not to the process.

POSIX gives such locks to a process: of two runs in one, both would get the same lock.
Linux also has locks of open file descriptions (fcntl(2), F_OFD_SETLK), which conflict
with the others, so that scripts elsewhere are kept out, too.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from typing import Any, Callable, Dict, List

from httpout_cgi.interpreter.run_context import current, replace, undoing

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

# asm-generic/fcntl.h; Python has names for them since 3.9.
_GET, _SET, _SET_AND_WAIT = 36, 37, 38
# struct flock: type, whence, start, length, pid, padding.  The pid must be 0.
_FLOCK = struct.Struct("hhqqi0q")

# Any, in this file: what the originals take and return.
_lockf: Callable[..., Any]
_fcntl: Callable[..., Any]
_os_lockf: Callable[..., Any]


def _lockf_in_run(
    fd: Any, cmd: int, len: Any = 0, start: Any = 0, whence: int = 0
) -> None:
    """Stand in for fcntl.lockf()."""
    if current.get() is None:
        return _lockf(fd, cmd, len, start, whence)  # type: ignore[no-any-return]
    kind = _kind_of(cmd)
    command = _SET if cmd & fcntl.LOCK_NB else _SET_AND_WAIT
    _fcntl(fd, command, _FLOCK.pack(kind, whence, start, len, 0))
    return None


def _kind_of(command: int) -> int:
    if command == fcntl.LOCK_UN:
        return fcntl.F_UNLCK
    if command & fcntl.LOCK_SH:
        return fcntl.F_RDLCK
    if command & fcntl.LOCK_EX:
        return fcntl.F_WRLCK
    raise ValueError("unrecognized lockf argument")


def _fcntl_in_run(fd: Any, cmd: int, arg: Any = 0) -> Any:
    """Stand in for fcntl.fcntl(), for the commands that lock."""
    command = _COMMANDS.get(cmd)
    is_lock = command is not None and not isinstance(arg, int)
    if not is_lock or current.get() is None:
        return _fcntl(fd, cmd, arg)
    given = bytes(arg)
    kind, whence, start, length, _ = _FLOCK.unpack(given.ljust(_FLOCK.size, b"\0"))
    lock = _FLOCK.pack(kind, whence, start, length, 0)
    return _fcntl(fd, command, lock)[: len(given)]


def _os_lockf_in_run(fd: int, command: int, length: int, /) -> None:
    """Stand in for os.lockf(), which locks from where the file is."""
    if current.get() is None:
        return _os_lockf(fd, command, length)  # type: ignore[no-any-return]
    kind = fcntl.F_UNLCK if command == os.F_ULOCK else fcntl.F_WRLCK
    lock = _FLOCK.pack(kind, os.SEEK_CUR, 0, length, 0)
    if command == os.F_TEST:
        (found, *_) = _FLOCK.unpack(_fcntl(fd, _GET, lock))
        if found != fcntl.F_UNLCK:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return None
    if command not in (os.F_LOCK, os.F_TLOCK, os.F_ULOCK):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _fcntl(fd, _SET_AND_WAIT if command == os.F_LOCK else _SET, lock)
    return None


_COMMANDS: Dict[int, int] = {}


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    global _lockf, _fcntl, _os_lockf
    undo: List[Callable[[], None]] = []
    if sys.platform == "linux" and fcntl is not None:
        _lockf, _fcntl, _os_lockf = fcntl.lockf, fcntl.fcntl, os.lockf
        _COMMANDS.update(
            {
                fcntl.F_GETLK: _GET,
                fcntl.F_SETLK: _SET,
                fcntl.F_SETLKW: _SET_AND_WAIT,
            }
        )
        replace(fcntl, "lockf", _lockf_in_run, undo)
        replace(fcntl, "fcntl", _fcntl_in_run, undo)
        for module in (os, sys.modules[os.name]):
            replace(module, "lockf", _os_lockf_in_run, undo)
    return undoing(undo)
