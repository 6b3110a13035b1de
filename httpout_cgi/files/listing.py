"""Listings: what a client may ask for in a folder.

Must not know requests or HTML.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.opening import open_folder
from httpout_cgi.files.os_errors import make_http_error
from httpout_cgi.files.resolution import Folder, StaticFile
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.protocol.ownership import Refusal
from httpout_cgi.scripts import Script


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder; a script has no ``size``, which would be that of its source.

    ``modified`` is in seconds since the epoch.
    """

    name: str
    is_folder: bool
    size: int | None
    modified: float


def list_folder(folder: Folder, resolver: Resolver) -> list[Entry]:
    """Return what is in a folder: folders first, then by name.

    Only what a request for it would find: nothing hidden, no source of scripts, no
    settings, no link that is not followed.  Raises HTTPError 403 or 404.
    """
    found = list(_look(folder, resolver, _list_names(folder)))
    return sorted(found, key=_rank)


def _rank(entry: Entry) -> tuple[bool, str, str]:
    return not entry.is_folder, entry.name.casefold(), entry.name


def _list_names(folder: Folder) -> list[str]:
    # Opened before its owner is looked at: it may be another folder by then (CWE-367).
    try:
        opened = open_folder(folder.root, folder.path, folder.links)
    except OSError as error:
        raise make_http_error(error, folder.owner) from error
    try:
        owner = os.fstat(opened).st_uid
        if folder.owner is not None and owner != folder.owner:
            reason = f"{Refusal.NOT_OWNER.value}: {folder.path}"
            raise HTTPError(HTTPStatus.FORBIDDEN, reason)
        return os.listdir(opened)
    finally:
        os.close(opened)


def _look(folder: Folder, resolver: Resolver, names: list[str]) -> Iterator[Entry]:
    for name in names:
        # Refused, or gone since the folder was read.
        with suppress(HTTPError, OSError):
            yield _look_at(folder, resolver, name)


def _look_at(folder: Folder, resolver: Resolver, name: str) -> Entry:
    path = folder.url_path + name
    found = resolver.resolve(path)
    if isinstance(found, (StaticFile, Script)):
        size = found.stat.st_size if isinstance(found, StaticFile) else None
        return Entry(name, False, size, found.stat.st_mtime)
    resolver.resolve(path + "/")
    seen = os.stat(f"{folder.path}/{name}")
    return Entry(name, True, None, seen.st_mtime)
