"""Page mounts: which of them something lies among, whose middleware is asked about it.

Must not know requests, or how middleware is asked.
"""

import os

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolution import Folder, Resolution, StaticFile
from httpout_cgi.files.roots import Root, find_owner, find_root, name_bare
from httpout_cgi.scripts import Mount, Script

_NOTHING_SEEN = os.stat_result((0,) * 10)


class PageMounts:
    """Those of one site; any thread may use them.

    ``document_root`` and ``label`` are what its scripts carry.
    """

    def __init__(
        self, roots: tuple[Root, ...], *, document_root: str, label: str
    ) -> None:
        self._roots = roots
        self._bare = name_bare(roots)
        self._pages = tuple(root for root in roots if root.has_pages)
        self._page_roots = {root.folder: root for root in self._pages[::-1]}
        self._document_root = document_root
        self._label = label
        self.has_pages = bool(self._pages)

    def find_pages(self, path: str, found: Resolution | HTTPError) -> list[Mount]:
        """Return the mounts of pages that a path leads into: none, one, or two.

        That is told by the URL, and of a file by where it is as well: an alias or a
        link, also one between pages, must be no way around what is asked before pages
        (CWE-288).  ``found`` is what a resolver has returned, or raised.
        """
        root = self._bare.get(path) or find_root(self._roots, path)
        pages = [root] if root.has_pages else []
        if isinstance(found, (StaticFile, Folder)):
            is_linked = found.links != "never"
            # CWE-288 again: their folder by an alias, and a link in it that leads out.
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
