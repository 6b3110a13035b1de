"""Siblings: copies of a static file that somebody has compressed before.

``page.html.br`` beside ``page.html`` holds the same, and saves the client time.
Must not know requests.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from stat import S_ISREG
from typing import Final

from httpout_cgi.files.resolution import StaticFile

# The names of RFC 9110 section 8.4.1, RFC 7932 and RFC 8878.
_CODINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_SUFFIXES: Final = tuple(_CODINGS.values())
# Within so many seconds after a change, a second one may have the same time.
_UNSETTLED: Final = 1.0
_MOST_KNOWN: Final = 4096
_NONE: Final[Mapping[str, StaticFile]] = {}


class Siblings:
    """Finds siblings.  Only the loop thread touches it.

    It remembers what is in a folder until that changes: most files have no siblings,
    and to look for three at each request takes longer than all else about the file.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}

    def find(self, file: StaticFile, now: float) -> Mapping[str, StaticFile]:
        """Return the siblings of a file by content coding, mostly none.

        A sibling must be a file of the same owner, and no link: the checks of the file
        itself are about its name (CWE-59).  One that is older than the file is of what
        that held before.
        """
        path = file.path
        if path.endswith(_SUFFIXES):
            return _NONE
        codings = self._list_codings(path, now)
        if not codings:
            return _NONE
        return {
            coding: sibling
            for coding in codings
            if (sibling := _look(file, path + _CODINGS[coding])) is not None
        }

    def _list_codings(self, path: str, now: float) -> tuple[str, ...]:
        """Return those of which there is something of the right name."""
        try:
            changed = os.stat(path.rpartition("/")[0] or "/").st_mtime_ns
        except OSError:
            return ()
        known = self._known.get(path)
        if known is not None and known[0] == changed:
            return known[1]
        codings = tuple(
            coding
            for coding, suffix in _CODINGS.items()
            if os.path.lexists(path + suffix)
        )
        if changed / 1e9 < now - _UNSETTLED:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[path] = changed, codings
        return codings


def _look(file: StaticFile, path: str) -> StaticFile | None:
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    if not S_ISREG(seen.st_mode) or seen.st_uid != file.stat.st_uid:
        return None
    if seen.st_mtime_ns < file.stat.st_mtime_ns:
        return None
    real = file.real
    if real is not None:
        # A link may lead elsewhere, but its siblings lie beside it.
        folder, _, name = path.rpartition("/")
        real = f"{os.path.realpath(folder)}/{name}"
    return replace(file, path=path, stat=seen, real=real)
