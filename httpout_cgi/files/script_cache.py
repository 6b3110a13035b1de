"""Scripts that were found by their path before, to find them again in half the time.

What a path alone tells is not asked again; the disk is, as when it was the first time.
"""

import os
from collections.abc import Sequence
from itertools import accumulate
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from httpout_cgi.files.roots import Matcher, Root
from httpout_cgi.scripts import Script

# More scripts than most sites have.
_LIMIT = 4096


class _Found(NamedTuple):
    """Below ``folders``, none of them a link, was a file that ``runs``."""

    folders: Sequence[str]
    name: str
    runs: Matcher
    script: Script


class ScriptCache:
    """Keeps those of one site; any thread may use it."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}

    def keep(self, root: Root, script: Script) -> None:
        """Keep how a script was found, below a folder, behind no link.

        Not with an extra path: of these, clients make up as many as they like.
        """
        if len(self._found) >= _LIMIT:
            self._found.clear()
        *names, name = script.path[len(root.folder) + 1 :].split("/")
        folders = list(accumulate(names, "{}/{}".format, initial=root.folder))[1:]
        self._found[script.name] = _Found(folders, name, root.runs, script)

    def find(self, path: str) -> Script | None:
        """Return the script that a path leads to, None if it has to be looked for.

        All components are looked at: what is a link by now must not be followed
        (CWE-59).
        """
        found = self._found.get(path)
        if found is None:
            return None
        try:
            for folder in found.folders:
                if not S_ISDIR(os.lstat(folder).st_mode):
                    return None
            seen = os.lstat(found.script.path)
        except OSError:
            return None
        if not (S_ISREG(seen.st_mode) and found.runs(found.name, seen)):
            return None
        file, _, name, extra, translated, document_root, mount, site = found.script
        return Script(file, seen, name, extra, translated, document_root, mount, site)
