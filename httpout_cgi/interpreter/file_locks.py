"""lockf() between runs: locks that belong to an open file, not to the process.

POSIX gives such locks to a process: of two runs in one, both would get the same lock.
Linux also has locks of open file descriptions (fcntl(2), F_OFD_SETLK), which conflict
with the others, so that scripts elsewhere are kept out, too.  Within a run they are
made to look as if the run had them: it is never kept out by itself.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    replace,
    undoing,
)

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

# asm-generic/fcntl.h; Python has names for them since 3.9.
_GET, _SET, _SET_AND_WAIT = 36, 37, 38
# struct flock: type, whence, start, length, pid, padding.  The pid must be 0.
_FLOCK = struct.Struct("hhqqi0q")


class _Owner:
    """Stands for a run that has locked files, and does not keep it alive."""


class _Locked(NamedTuple):
    owner: _Owner
    file: Tuple[int, int]


_owner: PerRun[_Owner] = PerRun(lambda run: _Owner())

# By descriptor, of all runs: who was the last one to lock it.  Set before there is a
# lock, so that a lock is never taken for that of a run which had the number before.
_locked: Dict[int, _Locked] = {}

# Any, in this file: what the originals take and return.
_lockf: Callable[..., Any]
_fcntl: Callable[..., Any]
_os_lockf: Callable[..., Any]
# The commands of fcntl() that lock, and ours in their place.
_commands: Dict[int, int] = {}


def _lock(run: RunContext, fd: Any, command: int, lock: bytes) -> bytes:
    """Do what fcntl() does with a lock, for the run as a whole."""
    _fcntl(fd, fcntl.F_GETFD)  # raises what is wrong with it
    number = fd if isinstance(fd, int) else fd.fileno()
    stat = os.fstat(number)
    file = (stat.st_dev, stat.st_ino)
    if _FLOCK.unpack(lock)[0] == fcntl.F_UNLCK:
        for other in _find_others(run, number, file):
            _fcntl(other, _SET, lock)
        return bytes(_fcntl(number, command, lock))
    _locked[number] = _Locked(_owner.of(run), file)
    try:
        return bytes(_fcntl(number, _SET, lock))
    except OSError as exc:
        if exc.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        others = _find_others(run, number, file)
        if not others and command == _SET:
            raise
    for other in others:
        # For POSIX, locks of one owner do not add up; here, this one's would be.
        _fcntl(other, _SET, _FLOCK.pack(fcntl.F_UNLCK, 0, 0, 0, 0))
    return bytes(_fcntl(number, command, lock))


def _find_others(run: RunContext, number: int, file: Tuple[int, int]) -> List[int]:
    """Return the other descriptors through which the run has locked a file."""
    owner = _owner.find(run)
    wanted = None if owner is None else _Locked(owner, file)
    found = [other for other, locked in list(_locked.items()) if locked == wanted]
    return [
        other
        for other in found
        if other != number and _is_locked(other) and _locked[other] == wanted
    ]


def _is_locked(number: int) -> bool:
    """Tell whether a descriptor has a lock; it may be closed, or another run's."""
    try:
        with open(f"/proc/self/fdinfo/{number}", "rb") as info:
            return b"OFDLCK" in info.read()
    except OSError:
        return False


def _lockf_in_run(
    fd: Any, cmd: int, len: Any = 0, start: Any = 0, whence: int = 0, /
) -> None:
    """Stand in for fcntl.lockf()."""
    run = current.get()
    if run is None:
        return _lockf(fd, cmd, len, start, whence)  # type: ignore[no-any-return]
    kind = _kind_of(cmd)
    command = _SET if cmd & fcntl.LOCK_NB else _SET_AND_WAIT
    _lock(run, fd, command, _FLOCK.pack(kind, whence, start, len, 0))
    return None


def _kind_of(command: int) -> int:
    if command == fcntl.LOCK_UN:
        return fcntl.F_UNLCK
    if command & fcntl.LOCK_SH:
        return fcntl.F_RDLCK
    if command & fcntl.LOCK_EX:
        return fcntl.F_WRLCK
    raise ValueError("unrecognized lockf argument")


def _fcntl_in_run(fd: Any, cmd: int, arg: Any = 0, /) -> Any:
    """Stand in for fcntl.fcntl(), for the commands that lock."""
    command: Optional[int] = _commands.get(cmd)
    run = None if command is None or isinstance(arg, int) else current.get()
    if run is None or command is None:
        return _fcntl(fd, cmd, arg)
    given = bytes(arg)
    kind, whence, start, length, _ = _FLOCK.unpack(given.ljust(_FLOCK.size, b"\0"))
    lock = _FLOCK.pack(kind, whence, start, length, 0)
    if command == _GET:
        return _fcntl(fd, _GET, lock)[: len(given)]
    return _lock(run, fd, command, lock)[: len(given)]


def _os_lockf_in_run(fd: int, command: int, length: int, /) -> None:
    """Stand in for os.lockf(), which locks from where the file is."""
    run = current.get()
    if run is None:
        return _os_lockf(fd, command, length)  # type: ignore[no-any-return]
    kind = fcntl.F_UNLCK if command == os.F_ULOCK else fcntl.F_WRLCK
    lock = _FLOCK.pack(kind, os.SEEK_CUR, 0, length, 0)
    if command == os.F_TEST:
        if _FLOCK.unpack(_fcntl(fd, _GET, lock))[0] != fcntl.F_UNLCK:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return None
    if command not in (os.F_LOCK, os.F_TLOCK, os.F_ULOCK):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _lock(run, fd, _SET_AND_WAIT if command == os.F_LOCK else _SET, lock)
    return None


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    global _lockf, _fcntl, _os_lockf
    undo: List[Callable[[], None]] = []
    if sys.platform == "linux" and fcntl is not None:
        _lockf, _fcntl, _os_lockf = fcntl.lockf, fcntl.fcntl, os.lockf
        ours = (fcntl.F_GETLK, _GET), (fcntl.F_SETLK, _SET)
        _commands.update((*ours, (fcntl.F_SETLKW, _SET_AND_WAIT)))
        replace(fcntl, "lockf", _lockf_in_run, undo)
        replace(fcntl, "fcntl", _fcntl_in_run, undo)
        for module in (os, sys.modules[os.name]):
            replace(module, "lockf", _os_lockf_in_run, undo)
    return undoing(undo)
