"""The chunked transfer coding of a request's content (RFC 9112 section 7.1).

Pure and strict: no bare LF, no sign, no blank in a size.  Must not know where the
bytes come from or go to.
"""

import re
from http import HTTPStatus

from httpout_cgi.errors import HTTPError

# A line of the coding: a size with its extensions, or a trailer field.
_LINE_LIMIT = 1024
_TRAILER_LIMIT = 8192
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*")


class ChunkedDecoder:
    """Takes the coding off, whatever the borders of what is fed.

    After ``ended``, ``rest`` holds the bytes that came behind the content.  Trailer
    fields are checked and dropped: nothing in CGI could carry them.
    """

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self._buffer = bytearray()
        self._remaining = 0  # bytes of the current chunk that are still to come
        self._in_chunk = False
        self._in_trailers = False
        self._trailer_size = 0

    def feed(self, data: bytes) -> bytes:
        """Return the content in ``data``.  Raises HTTPError 400."""
        self._buffer += data
        content = bytearray()
        while not self.ended and self._advance(content):
            pass
        if self.ended:
            self.rest = bytes(self._buffer)
            self._buffer.clear()
        return bytes(content)

    def _advance(self, content: bytearray) -> bool:
        """Take one step; tell whether another may be possible."""
        if self._in_chunk:
            return self._take_chunk(content)
        line = self._take_line()
        if line is None:
            return False
        if self._in_trailers:
            self._take_trailer(line)
        else:
            self._take_size(line)
        return True

    def _take_chunk(self, content: bytearray) -> bool:
        if self._remaining:
            piece = self._buffer[: self._remaining]
            content += piece
            del self._buffer[: len(piece)]
            self._remaining -= len(piece)
        if self._remaining or len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise _bad("chunk is longer than its size")
        del self._buffer[:2]
        self._in_chunk = False
        return True

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, _LINE_LIMIT + 2)
        if end < 0:
            if len(self._buffer) > _LINE_LIMIT:
                raise _bad("endless line in the chunked coding")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take_size(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise _bad(f"malformed chunk size {line[:20]!r}")
        self._remaining = int(match[1], 16)
        self._in_chunk = self._remaining > 0
        self._in_trailers = not self._in_chunk

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.ended = True
            return
        self._trailer_size += len(line)
        if self._trailer_size > _TRAILER_LIMIT or not _TRAILER.fullmatch(line):
            raise _bad("malformed trailer section")


def _bad(reason: str) -> HTTPError:
    return HTTPError(HTTPStatus.BAD_REQUEST, reason)
