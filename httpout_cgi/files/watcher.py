"""The watcher: tells early which files below some folders have changed.

Only an optimization, so it may miss something: whoever uses a file looks at its stat.
The only file that knows watchdog.
"""

import logging
import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal, TypeAlias

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

Mode: TypeAlias = Literal["auto", "poll", "off"]

# inotify(7) sees only what this machine does to a file.
_NETWORK: Final = re.compile(
    r"9p|afs|ceph|cifs|fuse(\..+)?|glusterfs|lustre|ncpfs|nfs4?|prl_fs|smb3|smbfs"
    r"|vboxsf|virtiofs|vmhgfs"
)
# Seconds between two looks for folders that came, or went.
_LOOK_EVERY: Final = 1.0
_POLL_EVERY: Final = 2.0
# An editor's save is several events within a few milliseconds.
_SETTLE: Final = 0.05

# Not "opened" and "closed unwritten", of which each request makes two.
_EVENTS: Final[list[type[FileSystemEvent]]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]

_log = logging.getLogger(__name__)

_Identity: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Watched:
    identity: _Identity
    watch: ObservedWatch
    polling: bool


class Watcher:
    """Calls ``on_change`` with the path of each file that changed, once per save.

    ``on_change`` runs in the watcher's own thread; the change is logged if it returns
    true.  Folders may be missing, vanish and come back.
    """

    def __init__(
        self,
        folders: Iterable[str],
        on_change: Callable[[str], bool],
        mode: Mode = "auto",
        *,
        mounts: str = "/proc/mounts",
    ) -> None:
        self._folders = _outermost(folders) if mode != "off" else []
        self._on_change = on_change
        self._poll_all = mode == "poll"
        self._mounts = mounts
        self._observers: dict[bool, BaseObserver] = {}  # by "does it poll?"
        self._watched: dict[str, _Watched] = {}
        self._changed: set[str] = set()
        self._wakeup = threading.Condition()  # guards _changed and _stopping
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch, in the background; the folders may be large."""
        if self._folders:
            _silence_watchdog()
            self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait until ``on_change`` is not called any more."""
        with self._wakeup:
            self._stopping = True
            self._wakeup.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._look():
                for path in sorted(self._take()):
                    self._report(path)
        except Exception:
            _log.exception("watcher ended; changes are still seen at the next use")
        finally:
            for observer in self._observers.values():
                observer.stop()
                observer.join()

    def _look(self) -> bool:
        """Watch folders that came, forget those that went; tell whether to go on."""
        for folder in self._folders:
            if self._stopping:
                return False
            identity = _identify(folder)
            if folder in self._watched and not self._is_watching(folder, identity):
                self._unwatch(folder)
            if identity and folder not in self._watched:
                self._watch(folder, identity)
        return not self._stopping

    def _take(self) -> set[str]:
        """Wait for changes, and a little longer for more of the same."""
        with self._wakeup:
            self._wakeup.wait_for(
                lambda: self._changed or self._stopping, timeout=_LOOK_EVERY
            )
            if self._changed and not self._stopping:
                self._wakeup.wait_for(lambda: self._stopping, timeout=_SETTLE)
            taken, self._changed = self._changed, set()
            return taken

    def _report(self, path: str) -> None:
        try:
            if self._on_change(path):
                _log.info("reloaded %s", path)
        except Exception:
            _log.exception("cannot reload %s", path)

    def _watch(self, folder: str, identity: _Identity) -> None:
        network = find_network(folder, self._mounts)
        polling = self._poll_all or network is not None
        try:
            watch = self._schedule(folder, polling=polling)
        except OSError as exc:
            # It may just have vanished, or be unreadable: the next look tells.
            if not polling and _identify(folder) == identity:
                _log.warning("polling files, without inotify: %s", exc.strerror or exc)
                self._poll_all = True
            return
        if network and not self._poll_all:
            _log.info("polling %s, which is on a network (%s)", folder, network)
        self._watched[folder] = _Watched(identity, watch, polling)

    def _schedule(self, folder: str, *, polling: bool) -> ObservedWatch:
        observer = self._observers.get(polling)
        if observer is None:
            made = PollingObserver(timeout=_POLL_EVERY) if polling else Observer()
            made.start()
            observer = self._observers[polling] = made
        handler = _Handler(folder, self._note)
        watch = observer.schedule(
            handler, handler.real, recursive=True, event_filter=_EVENTS
        )
        _keep_from_children()
        return watch

    def _is_watching(self, folder: str, identity: _Identity | None) -> bool:
        # Both: a folder's emitter ends with it, but not if it was only moved; and
        # its inode number may be given to the next folder.
        known = self._watched[folder]
        emitters = self._observers[known.polling].emitters
        if known.polling:
            # It looks at the path, whatever is there.  To begin anew would be to miss
            # what has changed since it looked last.
            is_same = _find_real(folder) == known.watch.path
        else:
            is_same = known.identity == identity
        return is_same and any(
            one.watch == known.watch and one.is_alive() for one in list(emitters)
        )

    def _unwatch(self, folder: str) -> None:
        known = self._watched.pop(folder)
        self._observers[known.polling].unschedule(known.watch)

    def _note(self, path: str) -> None:
        with self._wakeup:
            self._changed.add(path)
            self._wakeup.notify()


class _Handler(FileSystemEventHandler):
    """Turns events below a real folder into paths below the folder as it was named."""

    def __init__(self, folder: str, note: Callable[[str], None]) -> None:
        # inotify would watch a symbolic link, not what it leads to.
        self.real = os.path.realpath(folder)
        self._folder = folder
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._note(self._folder + os.fsdecode(path)[len(self.real) :])


def _silence_watchdog() -> None:
    """Keep to ourselves what watchdog says of its own races (seen with 7.1).

    A folder made within a new folder is found twice, which is warned of; an event
    that comes while it stops is logged as an error.
    """
    warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, r"watchdog\.")
    logger = logging.getLogger("watchdog")
    logger.propagate = False
    logger.handlers[:] = [logging.NullHandler()]


def _keep_from_children() -> None:
    """Let no child of a script inherit what watchdog opens without IN_CLOEXEC."""
    folder = "/proc/self/fd"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        with suppress(OSError):  # closed by now
            if os.readlink(f"{folder}/{name}") == "anon_inode:inotify":
                os.set_inheritable(int(name), False)


def _outermost(folders: Iterable[str]) -> list[str]:
    """Return the folders without those that lie in another one of them."""
    chosen: list[str] = []
    for folder in sorted({os.path.abspath(folder) for folder in folders}):
        if not any(_is_below(folder, other) for other in chosen):
            chosen.append(folder)
    return chosen


def _is_below(path: str, folder: str) -> bool:
    return PurePath(path).is_relative_to(folder)


def _identify(folder: str) -> _Identity | None:
    """Return what is the same as long as it is the same folder; None if it is none."""
    try:
        seen = os.stat(folder)
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino) if stat.S_ISDIR(seen.st_mode) else None


def _find_real(folder: str) -> str | None:
    """Return the path without links; None if one has just been replaced."""
    try:
        return os.path.realpath(folder)
    except OSError:  # it is a link, and was none any more when it was read
        return None


def find_network(folder: str, mounts: str) -> str | None:
    """Return the type of the network file system that a folder is on, or None."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split(" ") for line in file]
    except OSError:
        return None  # not Linux
    real, best, kind = _find_real(folder) or folder, "", ""
    for _, point, type_, *_ in (line for line in lines if len(line) > 2):
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), point)
        # The last one of equals hides those before it.
        if _is_below(real, point) and len(point) >= len(best):
            best, kind = point, type_
    return kind if _NETWORK.fullmatch(kind) else None


# proc(5), getmntent(3): blanks and backslashes in mount points.
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
