"""Page mounts: which of them something lies among, whose middleware is asked about it.

Must not know requests, or how middleware is asked.
"""

import os
from collections.abc import Iterator

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.link_trace import trace
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
        self._document_root = document_root
        self._label = label
        self.has_pages = bool(self._pages)
        # Above a root, where they are the administrator's, and always followed.
        self._has_links = any(root.identity is not None for root in roots)

    def find_pages(self, path: str, found: Resolution | HTTPError) -> list[Mount]:
        """Return the mounts of pages that a path leads into, or through.

        That is told by the URL, and by where something is as well: an alias or a link,
        also one between pages, must be no way around what is asked before pages
        (CWE-288).  So it is of what is missing.  ``found`` is what a resolver has
        returned, or raised.
        """
        root = self._bare.get(path) or find_root(self._roots, path)
        pages = [root] if root.has_pages else []
        for owner in self._find_owners(root, path, found):
            if owner is not None and owner not in pages:
                pages.append(owner)
        return [one.mount for one in pages if one.mount is not None]

    def _find_owners(
        self, root: Root, path: str, found: Resolution | HTTPError
    ) -> Iterator[Root | None]:
        """Yield the pages that each place on the way to something lies among."""
        if isinstance(found, (StaticFile, Folder)):
            file = found.path
            if found.links == "never" and not self._has_links:
                place = "/".join(root.real) + file[len(root.folder) :]
                yield find_owner(place, self._pages)
                return
        else:
            file = root.folder + path[len(root.url) - 1 :]
        for place in trace(file):
            yield find_owner(place, self._pages, is_fresh=True)

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
