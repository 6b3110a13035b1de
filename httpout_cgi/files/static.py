"""Static files: from a file and a request to the response (RFC 9110).

Opens first and then looks at what was opened: the path may lead elsewhere by then.
Must not know URLs or where files may lie; see resolve.
"""

import os
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from io import FileIO
from stat import S_ISREG

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.media_types import guess_media_type
from httpout_cgi.files.resolve import StaticFile, make_http_error
from httpout_cgi.messages import Fields, FilePart, FileParts, Request, Response
from httpout_cgi.protocol.conditional import evaluate, format_date, make_etag
from httpout_cgi.protocol.ownership import Refusal
from httpout_cgi.protocol.ranges import (
    ByteRange,
    Unsatisfiable,
    format_content_range,
    frame_multipart,
    select_ranges,
)

_FILE_METHODS = (("Allow", "GET, HEAD, OPTIONS"),)
_ACCEPT_RANGES = ("Accept-Ranges", "bytes")

# Read at once: as much as one write takes, and quicker than keeping the file open.
_SMALL = 65536
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
# A FIFO put in the file's place would block the whole worker.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
# Between the parts of what is sent in several; no content can hold it.
_BOUNDARY = secrets.token_hex(12)


def respond(
    file: StaticFile, request: Request, *, now: float, media_type: str | None = None
) -> Response:
    """Return the response with the file: 200, 204, 206 or 304.

    ``now`` is in seconds since the epoch, ``media_type`` is the file's if its name
    does not tell.  The response to HEAD has the body of GET:
    whoever sends it drops the content and keeps its length.  Raises HTTPError 403,
    404, 405, 412 or 416, with the fields that belong to it.
    """
    if request.method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, _FILE_METHODS)
    if request.method not in ("GET", "HEAD"):
        status = HTTPStatus.METHOD_NOT_ALLOWED
        raise HTTPError(status, f"{request.method} of a file", fields=_FILE_METHODS)
    opened = _open(file)
    try:
        response = _answer(file, opened, request, now, media_type)
    except BaseException:
        opened.close()
        raise
    if isinstance(response.body, bytes):
        opened.close()
    return response


def _open(file: StaticFile) -> FileIO:
    opener = _open_linked if file.is_link else _open_itself
    try:
        return FileIO(file.path, opener=opener)
    except OSError as error:
        raise make_http_error(error, file.owner) from error


def _open_linked(path: str, flags: int) -> int:
    return os.open(path, flags | _NONBLOCK)


def _open_itself(path: str, flags: int) -> int:
    # A link that was put there after resolving is not followed (CWE-367).
    return os.open(path, flags | _NONBLOCK | _NO_FOLLOW)


def _answer(
    file: StaticFile,
    opened: FileIO,
    request: Request,
    now: float,
    media_type: str | None,
) -> Response:
    seen = os.fstat(opened.fileno())
    # The same name may be another file by now, an edited one; but neither a device nor
    # one of somebody else, to which a link was put there while we looked (CWE-367).
    if not S_ISREG(seen.st_mode) or seen.st_uid != file.stat.st_uid:
        raise HTTPError(HTTPStatus.FORBIDDEN, f"changed while opened: {file.path}")
    # An account could link to what workers may read, and others may not: folders on the
    # way change at any time, so that only the owner of what was opened counts.
    if file.owner is not None and seen.st_uid != file.owner:
        reason = f"{Refusal.NOT_OWNER.value}: {file.path}"
        raise HTTPError(HTTPStatus.FORBIDDEN, reason)
    # A date in the future must not be sent (RFC 9110 section 8.8.2.1).
    modified = format_date(max(0, int(min(seen.st_mtime, now))))
    etag = make_etag(seen.st_mtime_ns, seen.st_size, seen.st_ino)
    validators = (("Last-Modified", modified), ("ETag", etag))
    match evaluate(request.method, request.fields, etag, modified):
        case 412:
            raise HTTPError(HTTPStatus.PRECONDITION_FAILED, "file has changed")
        case 304:
            return Response(HTTPStatus.NOT_MODIFIED, validators)
    # Within the second after a change a second one would have the same date.
    strong = modified if seen.st_mtime <= now - 1 else None
    size, media_type = seen.st_size, media_type or guess_media_type(file.path)
    ranges = select_ranges(request.method, request.fields, size, etag, strong)
    if isinstance(ranges, Unsatisfiable):
        raise HTTPError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"range outside of {size} bytes",
            fields=(("Content-Range", f"bytes */{size}"),),
        )
    if ranges is not None:
        return _send_ranges(opened, ranges, size, media_type, validators)
    fields = (("Content-Type", media_type), _ACCEPT_RANGES, *validators)
    return Response(HTTPStatus.OK, fields, _read(opened, 0, size))


def _send_ranges(
    opened: FileIO,
    ranges: Sequence[ByteRange],
    size: int,
    media_type: str,
    validators: Fields,
) -> Response:
    body: bytes | FilePart | FileParts
    if len(ranges) == 1:
        (one,) = ranges
        body = _read(opened, one.first, one.length)
        own: Fields = (
            ("Content-Type", media_type),
            ("Content-Range", format_content_range(one, size)),
        )
    else:
        multipart = frame_multipart(ranges, size, media_type, _BOUNDARY)
        pieces: list[bytes | tuple[int, int]] = []
        for head, one in zip(multipart.heads, ranges, strict=True):
            pieces += head, (one.first, one.length)
        body = FileParts(opened, (*pieces, multipart.tail), multipart.length)
        own = (("Content-Type", multipart.content_type),)
    fields = (*own, _ACCEPT_RANGES, *validators)
    return Response(HTTPStatus.PARTIAL_CONTENT, fields, body)


def _read(opened: FileIO, offset: int, length: int) -> bytes | FilePart:
    if length > _SMALL:
        return FilePart(opened, offset, length)
    opened.seek(offset)
    try:
        return opened.read(length) or b""
    except OSError as error:
        raise make_http_error(error) from error
