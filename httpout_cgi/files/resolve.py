"""Resolving: from the path of a URL to the file, the script or the redirect behind it.

The longest URL wins among script mounts, aliases and the docroot.  Names are checked
before the disk is touched, each component below the root costs one lstat, and nothing
that might be the source of a script or the settings is ever a static file (see
static_rules.py).  Must not know requests or responses.
"""

import os
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import NoReturn
from urllib.parse import quote

from httpout_cgi.config import Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.os_errors import make_http_error
from httpout_cgi.files.page_mounts import PageMounts
from httpout_cgi.files.resolution import (
    DirectoryRedirect,
    Folder,
    Resolution,
    StaticFile,
)
from httpout_cgi.files.roots import (
    Root,
    build_roots,
    find_owner,
    find_root,
    is_source,
    name_bare,
)
from httpout_cgi.files.script_cache import ScriptCache
from httpout_cgi.files.static_rules import StaticRules
from httpout_cgi.scripts import Owner, Script


class Resolver:
    """Resolves the paths of one site; any thread may use it.

    ``label`` is the site's name in logs.  ``private`` are files that are never sent,
    nor what lies beside them and begins with their name.  With an ``owner`` the site is
    an account's; ``sends_others`` tells that its files may belong to somebody else.
    What is known of a script is believed for ``age`` seconds.
    """

    def __init__(
        self,
        site: Site,
        *,
        label: str,
        private: Iterable[Path] = (),
        owner: Owner | None = None,
        sends_others: bool = False,
        age: float = 0.0,
    ) -> None:
        self._cache = ScriptCache(age)
        self._label = label
        self._document_root = str(site.docroot)
        self._index = site.index
        self._links = site.follow_symlinks
        self._hides = site.hidden_files == "deny"
        self._lists = site.listing
        self._roots = build_roots(site, owner)
        self._owner = None if owner is None or sends_others else owner.uid
        self._folders = tuple(root for root in self._roots if root.mount is None)
        self._bare = name_bare(self._roots)
        self._rules = StaticRules(self._roots, private, site.follow_symlinks)
        self.page_mounts = PageMounts(
            self._roots, document_root=self._document_root, label=label
        )

    def resolve(self, path: str) -> Resolution:
        """Find what a decoded, normalized path leads to.

        Raises HTTPError 403 or 404, and 500 or 503 if the disk fails.
        """
        known = self._cache.find(path)
        if known is not None:
            return known
        root = self._bare.get(path)
        if root is None:
            root = find_root(self._roots, path)
        elif not root.is_file:
            return _redirect(path)
        if root.is_file:
            return self._resolve_single(root, path)
        return self._walk(root, path)

    def resolve_sendfile(self, path: str) -> StaticFile:
        """Find a file that a script wants sent in its place (X-Sendfile).

        It may lie below the docroot, an alias or a script mount, sources included, but
        not be the settings.  Raises HTTPError 403 or 404.
        """
        if not os.path.isabs(path) or "\0" in path:
            _refuse(HTTPStatus.NOT_FOUND, "not an absolute path", path)
        real = os.path.realpath(path)
        owner = find_owner(real, self._roots, is_fresh=True)
        if owner is None or self._rules.is_private(real):
            _refuse(HTTPStatus.FORBIDDEN, "not a file of this site", path)
        seen, _ = self._look(real)
        if not S_ISREG(seen.st_mode):
            _refuse(HTTPStatus.FORBIDDEN, "not a regular file", path)
        return StaticFile(real, seen, self._owner)

    def _resolve_single(self, root: Root, path: str) -> Script:
        try:
            seen = os.stat(root.folder)
        except OSError as error:
            raise make_http_error(error) from error
        if not S_ISREG(seen.st_mode):
            _refuse(HTTPStatus.FORBIDDEN, "not a regular file", root.folder)
        border = len(root.url) - 1
        return self._make_script(root, root.folder, seen, path[:border], path[border:])

    def _walk(self, root: Root, path: str) -> Resolution:
        """Follow the segments down to the first file; the rest is the extra path."""
        position = len(root.url)
        file, is_linked = root.folder, False
        for name in path[position:].split("/"):
            if not name:
                break  # The slash at the end: it is a folder.
            if name[0] == "." and self._hides:
                _check_hidden(name, position)
            file = f"{file}/{name}"
            seen, is_link = self._look(file)
            is_linked = is_linked or is_link
            position += len(name)
            if S_ISREG(seen.st_mode):
                if root.has_pages and name.startswith("_"):
                    # What pages are made of: _header.py, __globals__.py.
                    _refuse(HTTPStatus.NOT_FOUND, "a name that begins with _", file)
                if root.runs(name, seen):
                    name, extra = path[:position], path[position:]
                    script = self._make_script(root, file, seen, name, extra)
                    if not (extra or is_linked):
                        self._cache.keep(root, script)
                    return script
                if path[position:]:
                    _refuse(HTTPStatus.NOT_FOUND, "a file, not a folder", file)
                static = StaticFile(file, seen, self._owner, root.folder)
                return self._rules.check(root, static, is_linked=is_linked)
            if not S_ISDIR(seen.st_mode):
                # Opening a device or a FIFO may block, or do something.
                _refuse(HTTPStatus.FORBIDDEN, "neither file nor folder", file)
            position += 1
        return self._resolve_folder(root, path, file, is_linked=is_linked)

    def _look(self, path: str) -> tuple[os.stat_result, bool]:
        """Return what is there, and whether behind a link that may be followed."""
        try:
            seen = os.lstat(path)
            if not S_ISLNK(seen.st_mode):
                return seen, False
            target = os.stat(path)
        except OSError as error:
            raise make_http_error(error, self._owner) from error
        # "owner": whoever may write here could otherwise publish what only the server
        # can read (Apache's SymLinksIfOwnerMatch).
        if self._links == "never" or (
            self._links == "owner" and seen.st_uid != target.st_uid
        ):
            _refuse(HTTPStatus.FORBIDDEN, "symbolic link", path)
        return target, True

    def _resolve_folder(
        self, root: Root, path: str, folder: str, *, is_linked: bool
    ) -> Resolution:
        """Find the index file of a folder.

        Below a script mount nothing tells that a folder exists, unless it has one.
        """
        is_bare = not path.endswith("/")
        is_static = root.mount is None or root.is_overlay
        if is_bare and is_static:
            return _redirect(path)
        for name in self._index:
            file = f"{folder}/{name}"
            found = self._look_for_index(file)
            if found is None:
                continue
            seen, is_link = found
            if root.runs(name, seen):
                if is_bare:
                    return _redirect(path)
                return self._make_script(root, file, seen, path + name, "")
            if is_static and not is_source(file):
                static = StaticFile(file, seen, self._owner, root.folder)
                return self._rules.check(root, static, is_linked=is_linked or is_link)
        if is_static and self._lists and not is_source(f"{folder}/"):
            links = self._links if is_linked else "never"
            return Folder(folder, path, self._owner, root.folder, links)
        return _refuse(HTTPStatus.FORBIDDEN, "no index file", folder)

    def _look_for_index(self, file: str) -> tuple[os.stat_result, bool] | None:
        try:
            found = self._look(file)
        except HTTPError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return found if S_ISREG(found[0].st_mode) else None

    def _make_script(
        self, root: Root, file: str, seen: os.stat_result, name: str, extra: str
    ) -> Script:
        assert root.mount is not None  # only mounts have something that runs
        return Script(
            file,
            seen,
            name,
            extra,
            self._translate(extra) if extra else None,
            self._document_root,
            root.mount,
            self._label,
        )

    def _translate(self, extra: str) -> str:
        """Map an extra path as if it had been asked for (RFC 3875 section 4.1.6).

        It has no dot segments, so it cannot leave the folder.
        """
        root = find_root(self._folders, extra)
        return f"{root.folder}/{extra[len(root.url) :]}"


def _check_hidden(name: str, position: int) -> None:
    """Refuse names with a dot in front: .git, .htpasswd, .env (RFC 8615 is public)."""
    if name != ".well-known" or position != 1:
        _refuse(HTTPStatus.FORBIDDEN, "hidden file", name)


def _redirect(path: str) -> DirectoryRedirect:
    return DirectoryRedirect(quote(os.fsencode(path), safe="/~!$&'()*+,;=:@") + "/")


def _refuse(status: HTTPStatus, reason: str, path: str) -> NoReturn:
    raise HTTPError(status, f"{reason}: {path}")
