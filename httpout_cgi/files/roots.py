"""Roots: the URL prefixes of a site, and the folder or the one script behind each.

Also what may not be sent from them.  Must not know requests.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from httpout_cgi.config import ScriptMount, Site
from httpout_cgi.files.media_types import UNKNOWN, guess_media_type
from httpout_cgi.protocol.script_names import make_matcher
from httpout_cgi.scripts import Mount, Owner

Matcher: TypeAlias = Callable[[str, os.stat_result], bool]
"""Tells whether a file of that name, seen like that, runs."""


@dataclass(frozen=True, slots=True)
class Root:
    """A URL prefix, which ends with a slash, and what is behind it.

    ``folder`` has no slash at the end; it is a file if ``is_file``.  ``real`` are the
    parts of its path without symbolic links, as they were at the start; behind one,
    ``identity`` is what was found there then, else None.  ``mount`` is None for the
    docroot and aliases.  An ``is_overlay`` mount lies over the folder that its URL
    leads to anyway: what does not run there is static.
    """

    url: str
    folder: str
    real: tuple[str, ...]
    runs: Matcher
    mount: Mount | None = None
    is_file: bool = False
    is_overlay: bool = False
    identity: tuple[int, int] | None = None

    @property
    def has_pages(self) -> bool:
        """Tell whether what runs are pages, among other files for the browser."""
        return self.mount is not None and self.mount.output == "page"


def build_roots(site: Site, owner: Owner | None = None) -> tuple[Root, ...]:
    """Return the roots of a site, the one that wins first.

    With an ``owner`` it is that of an account, who runs all scripts in processes.
    """
    folders = [
        _make_folder(url, str(path))
        for url, path in (*site.aliases.items(), ("/", site.docroot))
    ]
    mounts = [_make_mounted(mount, _by_url(folders)) for mount in site.scripts]
    if owner is not None:
        mounts = [_give(root, owner) for root in mounts]
    return tuple(_by_url(mounts + folders))


def name_bare(roots: Sequence[Root]) -> dict[str, Root]:
    """Return the roots by their URLs without the slash at the end."""
    return {root.url[:-1]: root for root in reversed(roots)}


def find_root(roots: Sequence[Root], path: str) -> Root:
    """Return the root that wins for the path of a URL; one has to be the docroot's."""
    # Not a check of containment: the path has no dot segments, and every URL ends with
    # a slash.  The docroot's is "/" and stands last, so one always fits.
    for root in roots:  # pragma: no branch
        if path.startswith(root.url):
            break
    return root


def were_switched(roots: Iterable[Root]) -> bool:
    """Tell whether a link above one of the roots leads elsewhere than at the start."""
    return any(
        root.identity is not None and root.identity != _identify(root.folder)
        for root in roots
    )


def find_owner(
    real: str, roots: Iterable[Root], *, is_fresh: bool = False
) -> Root | None:
    """Return the root with the deepest folder around a real path; a mount on a tie.

    ``is_fresh`` looks at the roots again: symbolic links may have changed since the
    start (a release that was switched), and ``real`` was made with the new ones.
    """
    parts = tuple(real.split("/"))
    owner, best = None, (-1, False)
    for root in roots:
        folder = _split_real(root.folder) if is_fresh else root.real
        rank = (len(folder), root.mount is not None)
        if rank > best and parts[: len(folder)] == folder:
            owner, best = root, rank
    return owner


# Endings of what people show on purpose: "example.py.txt", "example.py.html".  What
# editors and humans leave behind ("a.py~", "a.py.swp", "a.py.bak", "a.py-2") has none.
_find_source = re.compile(
    r"/__pycache__/"
    r"|\.py[cow]?(?![a-z0-9])(?![^/]*\.(?:txt|html?|md|pdf|svg|png)\Z)[^/]*\Z"
).search


_find_borders = re.compile(r"[^A-Za-z0-9]").finditer
# Of names that tell nothing, and of what has been compressed.
_OF_COPIES = {guess_media_type(f"x{end}") for end in (".gz", ".bz2", ".xz", ".zip")}
_OF_COPIES.add(UNKNOWN)


def is_source(path: str) -> bool:
    """Tell whether a file may be a Python script, its cached code, or a copy of it.

    Without a script mount for it, it would be sent to the client as it is: code,
    passwords and all.
    """
    return _find_source(path.lower()) is not None


def is_copy_of_script(root: Root, name: str, seen: os.stat_result) -> bool:
    """Tell whether a file among scripts may be a copy of one, left by an editor.

    That is "a.php~" where "a.php" runs, "#a.php#" and "A.PHP"; but "a.php.txt" is shown
    on purpose.  Copies of Python are found by ``is_source``, wherever they are.
    """
    if guess_media_type(name) not in _OF_COPIES:
        return False
    plain = name.lstrip("#.~").lower()
    ends = [found.start() for found in _find_borders(plain)]
    return any(root.runs(plain[:end], seen) for end in (*ends, len(plain)))


def name_copies(path: str) -> list[str]:
    """Return what the names of a file and of copies that editors make begin with."""
    folder, _, name = path.rpartition("/")
    # Emacs: #name# and .#name; vim: .name.swp; Windows: ~name.
    return [f"{folder}/{mark}{name}" for mark in ("", "#", ".", ".#", "~")]


def _make_folder(url: str, path: str) -> Root:
    folder, real, identity = _look_at(path)
    return Root(url, folder, real, runs=lambda _name, _seen: False, identity=identity)


def _make_mounted(settings: ScriptMount, folders: Sequence[Root]) -> Root:
    path = str(settings.file or settings.path)
    is_file = settings.file is not None
    url = settings.url + "/" if is_file else settings.url
    folder, real, identity = _look_at(path)
    return Root(
        url,
        folder,
        real,
        make_matcher(settings.match, settings.interpreters),
        _make_mount(settings, path),
        is_file,
        not is_file and _is_overlay(settings, path, folders),
        identity,
    )


def _give(root: Root, owner: Owner) -> Root:
    assert root.mount is not None
    return replace(root, mount=replace(root.mount, owner=owner, runner="process"))


def _make_mount(settings: ScriptMount, path: str) -> Mount:
    return Mount(
        url=settings.url,
        path=path,
        match=settings.match,
        interpreters=_sort_interpreters(settings.interpreters) or None,
        output=settings.output,
        runner=settings.runner,
        environment=dict(settings.environment) or None,
        pass_authorization=settings.pass_authorization,
        indexed_query=settings.indexed_query,
        local_modules=settings.local_modules,
        timeout=settings.timeout,
        websocket=settings.websocket,
    )


def _is_overlay(settings: ScriptMount, path: str, folders: Sequence[Root]) -> bool:
    """Tell whether a mount's URL would lead to the same folder without it.

    A folder of CGI scripts inside the docroot is none: everything in there is source.
    """
    if settings.output != "page" and settings.url != "/":
        return False
    below = next(root for root in folders if settings.url.startswith(root.url))
    return _split_real(path) == _split_real(
        f"{below.folder}/{settings.url[len(below.url) :]}"
    )


def _sort_interpreters(interpreters: Mapping[str, Path]) -> dict[str, str]:
    """Order by suffix: ".inc.php" comes before ".php"."""
    longest_first = sorted(interpreters, key=len, reverse=True)
    return {suffix: str(interpreters[suffix]) for suffix in longest_first}


def _by_url(roots: Iterable[Root]) -> list[Root]:
    """Sort by length, longest first; what came first stays first."""
    return sorted(roots, key=lambda root: -len(root.url))


def _look_at(path: str) -> tuple[str, tuple[str, ...], tuple[int, int] | None]:
    """Return what a Root has of a path: ``folder``, ``real`` and ``identity``."""
    folder, real = path.rstrip("/"), _split_real(path)
    is_linked = "/".join(real) != folder
    return folder, real, _identify(folder) if is_linked else None


def _identify(path: str) -> tuple[int, int]:
    """Return the device and the inode, zeros if there is nothing."""
    try:
        seen = os.stat(path)
    except OSError:
        return 0, 0
    return seen.st_dev, seen.st_ino


def _split_real(path: str) -> tuple[str, ...]:
    return tuple(os.path.realpath(path or "/").rstrip("/").split("/"))
