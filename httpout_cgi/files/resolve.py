"""Resolving: from the path of a URL to the file, the script or the redirect behind it.

The longest URL wins among script mounts, aliases and the docroot.  Names are checked
before the disk is touched, each component below the root costs one lstat, and nothing
that might be the source of a script or the settings is ever a static file.
Must not know requests or responses.
"""

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import NoReturn, TypeAlias
from urllib.parse import quote

from httpout_cgi.config import Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.media_types import is_for_browsers
from httpout_cgi.files.opening import Links
from httpout_cgi.files.roots import (
    Root,
    build_roots,
    find_owner,
    is_copy_of_script,
    is_source,
    name_copies,
)
from httpout_cgi.files.script_cache import ScriptCache
from httpout_cgi.protocol.ownership import Refusal
from httpout_cgi.scripts import Mount, Owner, Script


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A regular file that may be sent; ``stat`` is what was seen there.

    Below ``root`` only such ``links`` are followed when it is opened; if there are any,
    ``real`` is where they led.  With an ``owner`` it has to be that account's then.
    """

    path: str
    stat: os.stat_result
    owner: int | None = None
    root: str = ""
    links: Links = "never"
    real: str | None = None


@dataclass(frozen=True, slots=True)
class DirectoryRedirect:
    """A folder that was asked for without its slash; ``location`` is encoded.

    It is built from the decoded path, which begins with exactly one slash: what the
    client sent might begin with two, and would then name another host.
    """

    location: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that may be listed; its ``url_path`` is decoded and ends with a slash.

    ``owner``, ``root`` and ``links`` are as those of StaticFile.
    """

    path: str
    url_path: str
    owner: int | None = None
    root: str = ""
    links: Links = "never"


Resolution: TypeAlias = StaticFile | Script | DirectoryRedirect | Folder

_NOTHING_SEEN = os.stat_result((0,) * 10)

_STATUSES = {
    errno.ENOENT: HTTPStatus.NOT_FOUND,
    errno.ENOTDIR: HTTPStatus.NOT_FOUND,
    errno.ENAMETOOLONG: HTTPStatus.NOT_FOUND,
    errno.EACCES: HTTPStatus.FORBIDDEN,
    errno.EPERM: HTTPStatus.FORBIDDEN,
    errno.ELOOP: HTTPStatus.FORBIDDEN,
    errno.EISDIR: HTTPStatus.FORBIDDEN,
    errno.ENXIO: HTTPStatus.FORBIDDEN,
    errno.EMFILE: HTTPStatus.SERVICE_UNAVAILABLE,
    errno.ENFILE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def make_http_error(error: OSError, owner: int | None = None) -> HTTPError:
    """Return the answer to a request whose file made the system fail like that.

    With an ``owner`` it is an account's, which may wonder what others may not read.
    """
    status = _STATUSES.get(error.errno or 0, HTTPStatus.INTERNAL_SERVER_ERROR)
    if owner is not None and error.errno == errno.EACCES:
        return HTTPError(status, f"{Refusal.NOT_READABLE.value}: {error.filename}")
    # Others give their descriptors back.
    fields = [("Retry-After", "1")] if status.value == 503 else []
    return HTTPError(status, f"{error.strerror}: {error.filename}", fields=fields)


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
        self._private = tuple(
            name for path in private for name in name_copies(os.path.realpath(path))
        )
        self._roots = build_roots(site, owner)
        self._owner = None if owner is None or sends_others else owner.uid
        self._folders = tuple(root for root in self._roots if root.mount is None)
        self._bare = {root.url[:-1]: root for root in reversed(self._roots)}
        self._pages = tuple(root for root in self._roots if root.has_pages)
        self._page_roots = {root.folder: root for root in self._pages[::-1]}
        self.has_pages = bool(self._pages)

    def resolve(self, path: str) -> Resolution:
        """Find what a decoded, normalized path leads to.

        Raises HTTPError 403 or 404, and 500 or 503 if the disk fails.
        """
        known = self._cache.find(path)
        if known is not None:
            return known
        root = self._bare.get(path)
        if root is None:
            root = _find_root(self._roots, path)
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
        if owner is None or real.startswith(self._private):
            _refuse(HTTPStatus.FORBIDDEN, "not a file of this site", path)
        seen, _ = self._look(real)
        if not S_ISREG(seen.st_mode):
            _refuse(HTTPStatus.FORBIDDEN, "not a regular file", path)
        return StaticFile(real, seen, self._owner)

    def find_pages(self, path: str, found: Resolution | HTTPError) -> list[Mount]:
        """Return the mounts of pages that a path leads into: none, one, or two.

        That is told by the URL, and of a file by where it is as well: an alias or a
        link, also one between pages, must be no way around what is asked before pages
        (CWE-288).  ``found`` is what ``resolve`` has returned, or raised.
        """
        root = self._bare.get(path) or _find_root(self._roots, path)
        pages = [root] if root.has_pages else []
        if isinstance(found, (StaticFile, Folder)):
            is_linked = found.links != "never"
            if found.root in self._page_roots:
                pages = [self._page_roots[found.root]]
            if is_linked or not pages:
                owner = self._find_pages_around(root, found.path, is_linked=is_linked)
                if owner is not None and owner not in pages:
                    pages.append(owner)
        return [one.mount for one in pages if one.mount is not None]

    def _find_pages_around(
        self, root: Root, path: str, *, is_linked: bool
    ) -> Root | None:
        """Return the pages that a file lies among, wherever its URL leads."""
        if is_linked:
            real = os.path.realpath(path)
        else:
            real = "/".join(root.real) + path[len(root.folder) :]
        return find_owner(real, self._pages, is_fresh=is_linked)

    def describe_stand_in(
        self, mount: Mount, path: str, found: Resolution | HTTPError
    ) -> Script:
        """Describe what is no page, but lies among them, as if it were one."""
        file, seen = mount.folder, _NOTHING_SEEN
        if isinstance(found, (StaticFile, Folder)):
            file = found.path
        if isinstance(found, StaticFile):
            seen = found.stat
            if path.endswith("/"):
                path += file.rpartition("/")[2]  # an index file
        return Script(
            file, seen, path, "", None, self._document_root, mount, self._label
        )

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
                return self._check_static(root, static, is_linked=is_linked)
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
                return self._check_static(root, static, is_linked=is_linked or is_link)
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

    def _check_static(
        self, root: Root, file: StaticFile, *, is_linked: bool
    ) -> StaticFile:
        """Refuse what must not leave as it is, by whatever name it was asked for."""
        if root.mount is not None and not root.is_overlay:
            _refuse(HTTPStatus.FORBIDDEN, "not a script of this mount", file.path)
        if root.has_pages and not is_for_browsers(file.path):
            # Data beside pages (a database, settings with passwords, a log) is the
            # pages' own: their working directory is this folder.
            _refuse(HTTPStatus.FORBIDDEN, "no file for browsers", file.path)
        if is_linked:
            real = os.path.realpath(file.path)
        else:
            real = "/".join(root.real) + file.path[len(root.folder) :]
        if is_source(file.path) or is_source(real):
            _refuse(HTTPStatus.FORBIDDEN, "source without a script mount", file.path)
        # No check of containment: copies that editors leave, and rotated logs, begin
        # with the name and are as private.
        if real.startswith(self._private):
            _refuse(HTTPStatus.FORBIDDEN, "settings or log", file.path)
        owner = find_owner(real, self._roots, is_fresh=is_linked)
        if owner is not None and owner.mount is not None:
            # Scripts need not be called .py: a link, an alias, or the docroot around
            # a script folder would show their source.
            name = real.rpartition("/")[2]
            if not owner.is_overlay or owner.runs(name, file.stat):
                _refuse(HTTPStatus.FORBIDDEN, "file of a script mount", file.path)
            if is_copy_of_script(owner, name, file.stat):
                _refuse(HTTPStatus.FORBIDDEN, "copy of a script", file.path)
        return replace(file, links=self._links, real=real) if is_linked else file

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
        root = _find_root(self._folders, extra)
        return f"{root.folder}/{extra[len(root.url) :]}"


def _find_root(roots: tuple[Root, ...], path: str) -> Root:
    # Not a check of containment: the path has no dot segments, and every URL ends with
    # a slash.  The docroot's is "/" and stands last, so one always fits.
    for root in roots:  # pragma: no branch
        if path.startswith(root.url):
            break
    return root


def _check_hidden(name: str, position: int) -> None:
    """Refuse names with a dot in front: .git, .htpasswd, .env (RFC 8615 is public)."""
    if name != ".well-known" or position != 1:
        _refuse(HTTPStatus.FORBIDDEN, "hidden file", name)


def _redirect(path: str) -> DirectoryRedirect:
    return DirectoryRedirect(quote(os.fsencode(path), safe="/~!$&'()*+,;=:@") + "/")


def _refuse(status: HTTPStatus, reason: str, path: str) -> NoReturn:
    raise HTTPError(status, f"{reason}: {path}")
