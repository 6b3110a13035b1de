"""Static files: from a file and a request to the response (RFC 9110).

Must not know URLs or where files may lie; see resolve.
"""

import secrets
from collections.abc import Sequence
from http import HTTPStatus
from itertools import chain

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.contents import SMALL, Content, Contents
from httpout_cgi.files.media_types import guess_media_type
from httpout_cgi.files.resolution import StaticFile
from httpout_cgi.files.siblings import Siblings
from httpout_cgi.messages import (
    Body,
    Fields,
    FilePart,
    FileParts,
    Request,
    Response,
)
from httpout_cgi.protocol.conditional import evaluate
from httpout_cgi.protocol.negotiation import IDENTITY, choose_coding
from httpout_cgi.protocol.ranges import (
    ByteRange,
    Unsatisfiable,
    format_content_range,
    frame_multipart,
    select_ranges,
)

FILE_METHODS = (("Allow", "GET, HEAD, OPTIONS"),)
_ACCEPT_RANGES = ("Accept-Ranges", "bytes")
_VARY = ("Vary", "Accept-Encoding")
# Between the parts of what is sent in several; no content can hold it.
_BOUNDARY = secrets.token_hex(12)


class StaticFiles:
    """Answers with files.  Only the loop thread touches it.

    ``now`` is in seconds since the epoch.  The response to HEAD has the body of GET:
    whoever sends it drops the content and keeps its length.  HTTPErrors have the fields
    that belong to them.
    """

    def __init__(self) -> None:
        self._contents = Contents()
        self._siblings = Siblings()

    def respond(self, file: StaticFile, request: Request, *, now: float) -> Response:
        """Return the response with the file: 200, 204, 206 or 304.

        A sibling that the client likes better is sent in its place, as a representation
        of its own: with its own entity tag, by which ranges of both are told apart.
        Raises HTTPError 403, 404, 405, 412 or 416.
        """
        if request.method == "OPTIONS":
            return Response(HTTPStatus.NO_CONTENT, FILE_METHODS)
        check_reading(request)
        media_type = guess_media_type(file.path)
        siblings = self._siblings.find(file, now)
        if not siblings:
            content = self._contents.open(file, now)
            return _answer(content, request, media_type, ())
        sizes = {coding: one.stat.st_size for coding, one in siblings.items()}
        sizes[IDENTITY] = file.stat.st_size
        coding = choose_coding(request.get("accept-encoding"), sizes)
        if coding in siblings:
            try:
                content = self._contents.open(siblings[coding], now)
            except HTTPError:
                coding = IDENTITY  # it may be unreadable, or gone by now
            else:
                fields = (("Content-Encoding", coding), _VARY)
                return _answer(content, request, media_type, fields)
        return _answer(self._contents.open(file, now), request, media_type, (_VARY,))

    def send(
        self, file: StaticFile, request: Request, media_type: str | None, *, now: float
    ) -> Response:
        """Return the response with exactly this file, as ``respond`` does.

        ``media_type`` is for one whose name does not tell.
        """
        check_reading(request)
        media_type = media_type or guess_media_type(file.path)
        return _answer(self._contents.open(file, now), request, media_type, ())


def check_reading(request: Request) -> None:
    """Raise HTTPError 405 unless the content of something is asked for."""
    if request.method not in ("GET", "HEAD"):
        status = HTTPStatus.METHOD_NOT_ALLOWED
        raise HTTPError(status, f"{request.method} of a file", fields=FILE_METHODS)


def _answer(
    content: Content, request: Request, media_type: str, fields: Fields
) -> Response:
    """Answer with some content; ``fields`` go with it, whatever part is sent."""
    try:
        response = _choose_answer(content, request, media_type, fields)
    except BaseException:
        content.close()
        raise
    if isinstance(response.body, bytes):
        content.close()
    return response


def _choose_answer(
    content: Content, request: Request, media_type: str, fields: Fields
) -> Response:
    etag, modified, size = content.etag, content.modified, content.size
    validators = (("Last-Modified", modified), ("ETag", etag))
    match evaluate(request.method, request.fields, etag, modified):
        case 412:
            raise HTTPError(HTTPStatus.PRECONDITION_FAILED, "file has changed")
        case 304:
            vary = (_VARY,) if _VARY in fields else ()
            return Response(HTTPStatus.NOT_MODIFIED, (*validators, *vary))
    fields = (_ACCEPT_RANGES, *validators, *fields)
    date = content.strong_date
    ranges = select_ranges(request.method, request.fields, size, etag, date)
    if ranges is None:
        own = ("Content-Type", media_type)
        return Response(HTTPStatus.OK, (own, *fields), _read(content, 0, size))
    if isinstance(ranges, Unsatisfiable):
        raise HTTPError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"range outside of {size} bytes",
            fields=(("Content-Range", f"bytes */{size}"),),
        )
    body, part_fields = _make_parts(content, ranges, media_type)
    return Response(HTTPStatus.PARTIAL_CONTENT, (*part_fields, *fields), body)


def _make_parts(
    content: Content, ranges: Sequence[ByteRange], media_type: str
) -> tuple[Body, Fields]:
    if len(ranges) == 1:
        (one,) = ranges
        content_range = format_content_range(one, content.size)
        fields = (("Content-Type", media_type), ("Content-Range", content_range))
        return _read(content, one.first, one.length), fields
    multipart = frame_multipart(ranges, content.size, media_type, _BOUNDARY)
    own = (("Content-Type", multipart.content_type),)
    if content.file is None:
        parts = [content.read(one.first, one.length) for one in ranges]
        pairs = zip(multipart.heads, parts, strict=True)
        return b"".join((*chain(*pairs), multipart.tail)), own
    pieces: list[bytes | tuple[int, int]] = []
    for head, one in zip(multipart.heads, ranges, strict=True):
        pieces += head, (one.first, one.length)
    pieces.append(multipart.tail)
    return FileParts(content.file, pieces, multipart.length), own


def _read(content: Content, offset: int, length: int) -> bytes | FilePart:
    if content.file is not None and length > SMALL:
        return FilePart(content.file, offset, length)
    return content.read(offset, length)
