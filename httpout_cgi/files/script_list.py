"""All scripts of a site, by looking into the folders of its script mounts.

For somebody who wants a list; requests are resolved one by one, see resolve.py.
"""

import os
from collections.abc import Iterator

from httpout_cgi.config import Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.files.roots import Root, build_roots
from httpout_cgi.scripts import Script


def list_scripts(site: Site) -> Iterator[Script]:
    """Yield each script that some URL of the site runs, by mount and path.

    What cannot be reached by its name is left out: hidden files, links that are not
    followed, what another mount covers.
    """
    resolver = Resolver(site, label=", ".join(site.hosts))
    for root in sorted(build_roots(site), key=lambda root: root.url):
        if root.mount is not None:
            for url in _list_urls(root):
                script = _resolve(resolver, url)
                if script is not None:
                    yield script


def _resolve(resolver: Resolver, url: str) -> Script | None:
    try:
        found = resolver.resolve(url)
    except HTTPError:
        return None
    # Not one whose extra path the rest of the URL would be.
    if isinstance(found, Script) and not found.extra_path:
        return found
    return None


def _list_urls(root: Root) -> Iterator[str]:
    if root.is_file:
        yield root.url[:-1]
        return
    seen: set[str] = set()
    for folder, folders, names in os.walk(root.folder, followlinks=True):
        # A link may lead back to where it is.
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if _runs(root, name, path):
                yield root.url + path[len(root.folder) + 1 :]


def _runs(root: Root, name: str, path: str) -> bool:
    try:
        return root.runs(name, os.stat(path))
    except OSError:
        return False  # a link that leads nowhere, or gone since the folder was listed
