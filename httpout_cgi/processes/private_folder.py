"""A private folder: only the workers' account may enter it; it holds sockets.

Whoever made it holds a lock on it, so that the folder of a server that was killed can
be told from that of one that lives.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from httpout_cgi.errors import StartError
from httpout_cgi.processes.privileges import Account, acting_as

# Not "httpout-cgi-": scripts may call their own temporary folders so.
_PREFIX: Final = "httpout-pool-"
_SOCKET: Final = "socket"
# An address of a Unix socket has 108 bytes on Linux and 104 elsewhere; the names of
# the folder and the socket in it need up to 32.
_LONGEST_PARENT: Final = 70
_NUMBERS: Final = 10**9


class PrivateFolder:
    """A folder that is there until it is closed."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock

    @property
    def socket(self) -> Path:
        """Where the socket is to be bound."""
        return self._path / _SOCKET

    def numbered_socket(self, number: int) -> Path:
        """Where one of many more is to be bound."""
        return self._path / str(number % _NUMBERS)

    def close(self) -> None:
        """Remove the folder, and the sockets that are there."""
        with contextlib.suppress(OSError):  # somebody has done it, or uses it as well
            _remove(self._path, self._lock)
        os.close(self._lock)


def make(account: Account | None) -> PrivateFolder:
    """Make one in $RUNTIME_DIRECTORY (systemd), /run or the temporary folder.

    Folders that a killed server has left there are removed.  Raises StartError.
    """
    problems = []
    for parent in _list_parents():
        try:
            _check_parent(parent, account)
            _remove_stale(parent, {account.uid if account else os.geteuid()})
            return _make_below(parent, account)
        except OSError as exc:
            problems.append(f"{parent}: {exc.strerror or exc}")
    raise StartError(
        f"no folder for the socket of the pool ({'; '.join(problems)}): set TMPDIR"
    )


def _list_parents() -> Iterator[Path]:
    # systemd separates several by colons.
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        yield Path(given)
    yield Path("/run")
    with contextlib.suppress(OSError):  # there is none that could be written
        yield Path(tempfile.gettempdir())


def _check_parent(parent: Path, account: Account | None) -> None:
    if len(os.fsencode(parent)) > _LONGEST_PARENT:
        raise OSError("the path is too long for a socket")
    with acting_as(account):
        if not os.access(parent, os.X_OK, effective_ids=True):
            raise OSError(f"{account.name if account else 'we'} may not enter it")


def _make_below(parent: Path, account: Account | None) -> PrivateFolder:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if account is not None:
                os.fchown(lock, account.uid, account.gid)
            if path.exists():
                return PrivateFolder(path, lock)
        except BaseException:
            os.close(lock)
            path.rmdir()
            raise
        # Another server has taken it for a stale one, before it was locked.
        os.close(lock)


def _remove_stale(parent: Path, owners: Collection[int]) -> None:
    for entry in os.scandir(parent):
        if entry.name.startswith(_PREFIX):
            with contextlib.suppress(OSError):  # not ours, or not stale
                _remove_one_if_stale(Path(entry.path), owners)


def _remove_one_if_stale(path: Path, owners: Collection[int]) -> None:
    # The temporary folder is everybody's: what is a link, or belongs to somebody else,
    # may be a trap.
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid in owners:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path, lock)
    finally:
        os.close(lock)


def _remove(path: Path, descriptor: int) -> None:
    """Remove the sockets from what was opened, and the folder if that was all."""
    for name in os.listdir(descriptor):
        if name == _SOCKET or name.isdecimal():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=descriptor)
    path.rmdir()
