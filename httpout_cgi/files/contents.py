"""Contents: what is in static files, opened, or remembered from the last time.

Opens first and then looks at what was opened: the path may lead elsewhere by then.
Must not know requests or URLs.
"""

import os
from dataclasses import dataclass
from http import HTTPStatus
from io import FileIO
from stat import S_ISREG
from typing import Final, TypeAlias

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.opening import open_file
from httpout_cgi.files.os_errors import make_http_error
from httpout_cgi.files.resolution import StaticFile
from httpout_cgi.protocol.conditional import format_date, make_etag
from httpout_cgi.protocol.ownership import Refusal

# Read at once: quicker than sending from the file, up to about that size.
SMALL: Final = 128 * 1024
# Of small files, so much is remembered: an old site has a few megabytes of them.
_MOST_REMEMBERED: Final = 16 << 20
# Within so many seconds after a change, a second one may have the same times.
_UNSETTLED: Final = 1.0

_Signature: TypeAlias = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a file and its validators.

    It is in ``data``, or in an open ``file``, which whoever has it closes.
    ``strong_date`` is None if something else could have the date of ``modified``.
    """

    size: int
    modified: str
    etag: str
    strong_date: str | None
    data: bytes = b""
    file: FileIO | None = None

    def read(self, offset: int, length: int) -> bytes:
        """Return some bytes; raises HTTPError 500 if they are not there."""
        if self.file is None:
            return self.data[offset : offset + length]
        try:
            data = os.pread(self.file.fileno(), length, offset)
        except OSError as error:
            raise make_http_error(error) from error
        if len(data) < length:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise HTTPError(status, "the file shrank while it was read")
        return data

    def close(self) -> None:
        """Close the file, if one is open."""
        if self.file is not None:
            self.file.close()


class Contents:
    """Opens files, and remembers the small ones.  Only the loop thread touches it.

    What is remembered counts only while the file looks exactly as it did.
    """

    def __init__(self, most_remembered: int = _MOST_REMEMBERED) -> None:
        self._most_remembered = most_remembered
        self._remembered: dict[str, tuple[_Signature, Content]] = {}
        self._size = 0

    def open(self, file: StaticFile, now: float) -> Content:
        """Return what is in a file.

        ``now`` is in seconds since the epoch.  Raises HTTPError 403 or 404, and 500 or
        503 if the disk fails.
        """
        found = self._remembered.get(file.path)
        if found is not None:
            if found[0] == _sign(file.stat):
                _check_owner(file, file.stat.st_uid)
                return found[1]
            self._forget(file.path)
        opened = _open(file)
        try:
            seen = os.fstat(opened.fileno())
            _check(file, seen)
            content = _describe(opened, seen, now)
        except BaseException:
            opened.close()
            raise
        if content.file is None:
            opened.close()
            # Its size would be another if it was being written to.
            is_whole = len(content.data) == seen.st_size
            if is_whole and seen.st_ctime < now - _UNSETTLED:
                self._remember(file.path, _sign(seen), content)
        return content

    def _remember(self, path: str, signature: _Signature, content: Content) -> None:
        if content.size > self._most_remembered:
            return
        self._remembered[path] = signature, content
        self._size += content.size
        while self._size > self._most_remembered:
            self._forget(next(iter(self._remembered)))

    def _forget(self, path: str) -> None:
        _, content = self._remembered.pop(path)
        self._size -= content.size


def _sign(seen: os.stat_result) -> _Signature:
    """Return what changes whenever a file, its owner or its permissions do."""
    times = seen.st_ctime_ns, seen.st_mtime_ns
    return (*times, seen.st_size, seen.st_ino, seen.st_dev)


def _open(file: StaticFile) -> FileIO:
    def open_it(path: str, _: int) -> int:
        return open_file(file.root, path, file.links, file.real)

    try:
        return FileIO(file.path, opener=open_it)
    except OSError as error:
        raise make_http_error(error, file.owner) from error


def _check(file: StaticFile, seen: os.stat_result) -> None:
    # The same name may be another file by now, an edited one; but neither a device nor
    # one of somebody else, to which a link was put there while we looked (CWE-367).
    if not S_ISREG(seen.st_mode) or seen.st_uid != file.stat.st_uid:
        raise HTTPError(HTTPStatus.FORBIDDEN, f"changed while opened: {file.path}")
    _check_owner(file, seen.st_uid)


def _check_owner(file: StaticFile, uid: int) -> None:
    # An account could link to what workers may read, and others may not: folders on the
    # way change at any time, so that only the owner of what was opened counts.
    if file.owner is not None and uid != file.owner:
        reason = f"{Refusal.NOT_OWNER.value}: {file.path}"
        raise HTTPError(HTTPStatus.FORBIDDEN, reason)


def _describe(opened: FileIO, seen: os.stat_result, now: float) -> Content:
    # A date in the future must not be sent (RFC 9110 section 8.8.2.1).
    modified = format_date(max(0, int(min(seen.st_mtime, now))))
    etag = make_etag(seen.st_mtime_ns, seen.st_size, seen.st_ino)
    # Within the second after a change a second one would have the same date.
    strong = modified if seen.st_mtime <= now - 1 else None
    if seen.st_size > SMALL:
        return Content(seen.st_size, modified, etag, strong, file=opened)
    try:
        data = opened.read(seen.st_size) or b""
    except OSError as error:
        raise make_http_error(error) from error
    return Content(len(data), modified, etag, strong, data)
