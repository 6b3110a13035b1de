"""Static rules: whether a file may leave as it is, or would give something away.

Sources of scripts, the settings, logs and what pages keep for themselves may not.
Must not know requests, nor how a path has led to the file.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.media_types import is_for_browsers
from httpout_cgi.files.opening import Links
from httpout_cgi.files.resolution import StaticFile
from httpout_cgi.files.roots import (
    Root,
    find_owner,
    is_copy_of_script,
    is_source,
    name_copies,
    were_switched,
)


class StaticRules:
    """Those of one site; any thread may use them.

    ``private`` are files that are never sent, nor what lies beside them and begins with
    their name.  ``links`` are what is followed when a file is opened.
    """

    def __init__(
        self, roots: tuple[Root, ...], private: Iterable[Path], links: Links
    ) -> None:
        self._roots = roots
        self._linked_roots = [root for root in roots if root.identity is not None]
        self._links = links
        self._private = tuple(
            name for path in private for name in name_copies(os.path.realpath(path))
        )

    def is_private(self, real: str) -> bool:
        """Tell whether a file is for nobody: the settings, a log, or a copy of one."""
        # No check of containment: copies that editors leave, and rotated logs, begin
        # with the name and are as private.
        return real.startswith(self._private)

    def check(self, root: Root, file: StaticFile, *, is_linked: bool) -> StaticFile:
        """Refuse what must not leave as it is, by whatever name it was asked for."""
        if root.mount is not None and not root.is_overlay:
            _refuse("not a script of this mount", file.path)
        if root.has_pages and not is_for_browsers(file.path):
            # Data beside pages (a database, settings with passwords, a log) is the
            # pages' own: their working directory is this folder.
            _refuse("no file for browsers", file.path)
        # CWE-59: what was true at the start may show the source of a script.
        is_fresh = is_linked or were_switched(self._linked_roots)
        if is_fresh:
            real = os.path.realpath(file.path)
        else:
            real = "/".join(root.real) + file.path[len(root.folder) :]
        if is_source(file.path) or is_source(real):
            _refuse("source without a script mount", file.path)
        if self.is_private(real):
            _refuse("settings or log", file.path)
        owner = find_owner(real, self._roots, is_fresh=is_fresh)
        if owner is not None and owner.mount is not None:
            # Scripts need not be called .py: a link, an alias, or the docroot around
            # a script folder would show their source.
            name = real.rpartition("/")[2]
            if not owner.is_overlay or owner.runs(name, file.stat):
                _refuse("file of a script mount", file.path)
            if is_copy_of_script(owner, name, file.stat):
                _refuse("copy of a script", file.path)
        return replace(file, links=self._links, real=real) if is_linked else file


def _refuse(reason: str, path: str) -> NoReturn:
    raise HTTPError(HTTPStatus.FORBIDDEN, f"{reason}: {path}")
