"""Imports in a process of the script's own, which a warm interpreter was forked for.

What has been imported there must not hide the script's own modules; and local modules
come from cached code, not from .pyc files, which would be stale for a second.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, Callable, Dict, Optional, Sequence, Set

from httpout_cgi.interpreter import local_files
from httpout_cgi.interpreter.file_state import look
from httpout_cgi.interpreter.local_files import NEVER_LOCAL
from httpout_cgi.interpreter.source import Signature

# Under another Python it is in no shared folder, and yet no script's.
_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What is kept of each is a name for each file.
_MOST_FOLDERS = 64

_external: Any = importlib._bootstrap_external


def use_cache(
    load: Callable[[str, str], CodeType],
    shared: Sequence[str],
    list_own: Callable[[], Sequence[str]],
) -> Callable[[], None]:
    """Take the code of modules from ``load``, but of those in the shared folders.

    It is asked by path and name, just before the code is run.  ``list_own`` returns the
    script's folders, which may lie below a shared one: that in which the server was
    started, say.  For processes that are a script's own; returns what undoes it, for
    others.
    """
    original = _external.SourceLoader.get_code
    folders = [*filter(None, shared), _OWN_FOLDER]
    prefixes = tuple(os.path.join(folder, "") for folder in folders)

    def is_shared(path: str) -> bool:
        return path.startswith(prefixes) and (
            _find_depth(path, folders) > _find_depth(path, list_own())
        )

    # Any: a loader, or a subclass of one.  Not measured: its file is CPython's, below.
    def get_code(self: Any, fullname: str) -> Any:  # pragma: no cover
        path = self.get_filename(fullname)
        if type(self) is not SourceFileLoader or is_shared(path):
            return original(self, fullname)
        try:
            return load(path, fullname)
        except OSError:
            return original(self, fullname)  # its error
        except (SyntaxError, ValueError) as exc:
            failure = exc.with_traceback(None)
        failure.__context__ = None
        raise failure

    # The name at which CPython takes the frames of an import out of a traceback.
    get_code.__code__ = get_code.__code__.replace(
        co_filename=original.__code__.co_filename,
        co_name="_call_with_frames_removed",
    )
    _external.SourceLoader.get_code = get_code

    def withdraw() -> None:
        _external.SourceLoader.get_code = original

    return withdraw


class FoundFolders:
    """Lets processes that are forked find modules in folders that are known already."""

    def __init__(self) -> None:
        self._known: Dict[str, local_files.Names] = {}

    def add(self, folder: str) -> None:
        """List the folder for a finder, unless it has changed just now."""
        names = local_files.list_names(folder)
        if not names or self._known.get(folder) is names:
            return
        if local_files.recall_names(folder) is not names:
            return  # another change may leave its time as it is
        while len(self._known) >= _MOST_FOLDERS:
            oldest = next(iter(self._known))
            del self._known[oldest]
            sys.path_importer_cache.pop(oldest, None)
        sys.path_importer_cache.pop(folder, None)
        finder = _external.PathFinder._path_importer_cache(folder)
        if type(finder) is not FileFinder:
            return
        finder.__class__ = _WatchfulFinder
        try:
            finder.find_spec("")
        except OSError:  # no more descriptors, say
            del sys.path_importer_cache[folder]
        else:
            self._known[folder] = names


class _WatchfulFinder(FileFinder):
    """Lists its folder again when anything about it has changed.

    A FileFinder looks at the time of modification alone, which an archive or rsync sets
    back; that does for a process which has listed its folder itself, just now.
    """

    _seen: Optional[Signature] = None

    def find_spec(
        self, fullname: str, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Return the spec of a module in the folder; None if there is none."""
        try:
            seen = look(self.path)
        except OSError:
            seen = None
        if seen is None or seen != self._seen:
            self.invalidate_caches()
            self._seen = seen
        return super().find_spec(fullname, target)


def _find_depth(path: str, folders: Sequence[str]) -> int:
    """Return how long the path of the nearest folder is that the file lies below."""
    around = (one for one in folders if path.startswith(os.path.join(one, "")))
    return max(map(len, around), default=0)


def forget_shadowed(folders: Sequence[str]) -> None:
    """Drop the modules that have been imported already and that a folder has, too."""
    shadowed: Set[str] = set()
    for folder in folders:
        names = local_files.list_names(folder) or {}
        for name in names.keys() & sys.modules.keys():
            # A folder of data is no package: any real module of the name wins.
            if names[name] != local_files.FOLDER or _is_package(folder, name):
                shadowed.add(name)
    shadowed -= NEVER_LOCAL
    if shadowed:
        for name in list(sys.modules):
            if name.partition(".")[0] in shadowed:
                del sys.modules[name]


def _is_package(folder: str, name: str) -> bool:
    names = local_files.list_names(os.path.join(folder, name)) or {}
    return "__init__" in names
