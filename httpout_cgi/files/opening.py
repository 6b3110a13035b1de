"""Opening: files and folders below a root, one component after the other.

Each is opened in the folder that was opened before it, so that nobody can put a link in
its place between a check and its use (CWE-367); the root itself, and what is above it,
is the administrator's and may hold links.  Must not know URLs or sites.
"""

import errno
import os
from typing import Final, Literal, TypeAlias

Links: TypeAlias = Literal["never", "owner", "always"]
"""Which symbolic links are followed; "owner": those to what their own owner has."""

# Only to go through it: takes no permission to read (Linux).
_PATH: Final = getattr(os, "O_PATH", 0)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_THROUGH: Final = _PATH | os.O_DIRECTORY
# A FIFO put in the file's place would block the whole worker.
_FILE: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY
# What Linux says of a link, as a file and as a folder.
_IS_LINK: Final = (errno.ELOOP, errno.ENOTDIR)


def open_file(root: str, path: str, links: Links, real: str | None = None) -> int:
    """Open a file for reading; return its descriptor.

    With ``real`` it has to be the file of that path, which goes through no link: what
    was decided about one must hold for what is sent.  Raises OSError.
    """
    opened = _walk(root, path, links, _FILE)
    if real is not None:
        try:
            _check_same(opened, real)
        except BaseException:
            os.close(opened)
            raise
    return opened


def open_folder(root: str, path: str, links: Links) -> int:
    """Open a folder to list it; return its descriptor.  Raises OSError."""
    return _walk(root, path, links, _FOLDER)


def _walk(root: str, path: str, links: Links, flags: int) -> int:
    *names, last = path[len(root) :].strip("/").split("/")
    folder = os.open(root or "/", _THROUGH)
    try:
        for name in names:
            below = _step(folder, name, links, _THROUGH)
            os.close(folder)
            folder = below
        return _step(folder, last or ".", links, flags)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(folder)


def _step(folder: int, name: str, links: Links, flags: int) -> int:
    try:
        return os.open(name, flags | _NO_FOLLOW, dir_fd=folder)
    except OSError as error:
        if links == "never" or error.errno not in _IS_LINK:
            raise
    return _follow(folder, name, links, flags)


def _follow(folder: int, name: str, links: Links, flags: int) -> int:
    """Open what a link leads to, by the text of this very link."""
    if not _PATH:
        # Not Linux: what was seen of it before it was opened has to do.
        return os.open(name, flags, dir_fd=folder)
    link = os.open(name, _PATH | _NO_FOLLOW, dir_fd=folder)
    try:
        owner, text = os.fstat(link).st_uid, os.readlink("", dir_fd=link)
    finally:
        os.close(link)
    opened = os.open(text, flags, dir_fd=folder)
    # Apache's SymLinksIfOwnerMatch, decided on what is open.
    if links == "owner" and os.fstat(opened).st_uid != owner:
        os.close(opened)
        raise OSError(errno.ELOOP, "symbolic link to a file of another owner")
    return opened


def _check_same(opened: int, real: str) -> None:
    other = _walk("", real, "never", _FILE)
    try:
        if not os.path.sameopenfile(opened, other):
            raise OSError(errno.ELOOP, "another file by now", real)
    finally:
        os.close(other)
