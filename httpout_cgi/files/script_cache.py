"""Scripts that were found by their path before, to find them again in half the time.

What a path alone tells is not asked again; the disk is, as when it was the first time,
unless that was a moment ago and the settings allow it.
"""

import os
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from httpout_cgi.files.roots import Matcher, Root
from httpout_cgi.scripts import Script

# More scripts than most sites have.
_LIMIT = 4096


class _Found(NamedTuple):
    """Below ``folders``, none of them a link, was a file that ``runs``.

    Until the time ``fresh_until`` that is believed.
    """

    folders: Sequence[str]
    name: str
    runs: Matcher
    script: Script
    fresh_until: float = 0.0


class ScriptCache:
    """Keeps those of one site; any thread may use it.

    For so many seconds as ``age`` says, the disk is not asked again.
    """

    def __init__(
        self, age: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._age = age
        self._clock = clock
        self._found: dict[str, _Found] = {}

    def keep(self, root: Root, script: Script) -> None:
        """Keep how a script was found, below a folder, behind no link.

        Not with an extra path: of these, clients make up as many as they like.
        """
        if len(self._found) >= _LIMIT:
            self._found.clear()
        *names, name = script.path[len(root.folder) + 1 :].split("/")
        folders = list(accumulate(names, "{}/{}".format, initial=root.folder))[1:]
        until = self._clock() + self._age if self._age else 0.0
        self._found[script.name] = _Found(folders, name, root.runs, script, until)

    def find(self, path: str) -> Script | None:
        """Return the script that a path leads to, None if it has to be looked for.

        All components are looked at: what is a link by now must not be followed
        (CWE-59), but for the time that the settings allow.
        """
        found = self._found.get(path)
        if found is None:
            return None
        if not self._age:
            return _look(found)
        now = self._clock()
        if now < found.fresh_until:
            return found.script
        script = _look(found)
        if script is not None:
            until = now + self._age
            self._found[path] = found._replace(script=script, fresh_until=until)
        return script


def _look(found: _Found) -> Script | None:
    """Return the script if it is where it was, as it is now."""
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
