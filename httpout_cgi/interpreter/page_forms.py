"""What a form sends: fields in a query string, or parts with files.

Pure: takes the content in pieces, keeps one part at a time, and looks at each byte
once.  What is no UTF-8 becomes U+FFFD: the text can be stored and sent on, whoever sent
it; the bytes are in the content.
"""

from __future__ import annotations

from email.message import Message
from typing import AsyncIterator, Dict, Iterable, Iterator, List, Optional, Tuple
from urllib.parse import parse_qsl, unquote

_CHUNK = 65_536
# A part has three or four lines of header.
_LONGEST_HEAD = 16_384
_TOO_LARGE = "a part that is larger than the page takes"
_BLANK_LINE = b"\r\n\r\n"


class FormError(ValueError):
    """The content is not what the page asks for."""


class FormFile(Dict[str, object]):
    """One part: ``name``, ``filename`` and ``type`` if it has them, ``data``."""

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the data, piece by piece."""
        data = self["data"]
        assert isinstance(data, bytes)
        for position in range(0, len(data), _CHUNK):
            yield data[position : position + _CHUNK]


def parse_fields(text: str, most: int) -> Dict[str, List[str]]:
    """Return the values of ``a=1&a=2&b=``; raises FormError for too many."""
    found: Dict[str, List[str]] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=most)
    except ValueError as exc:
        raise FormError(f"more than {most} fields") from exc
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def parse_cookies(text: str) -> Dict[str, List[str]]:
    """Return what a Cookie field has; response.set_cookie() writes such values."""
    found: Dict[str, List[str]] = {}
    for pair in text.split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        if equals:
            found.setdefault(name, []).append(unquote(value.strip('"')))
    return found


def parse_parts(
    pieces: Iterable[bytes], content_type: str, most: int
) -> Iterator[FormFile]:
    """Yield the parts of multipart/form-data (RFC 7578).

    Raises FormError for what is none, and for a part that is larger than ``most``.
    """
    boundary = b"\r\n--" + _find_boundary(content_type)
    # The first one has no line end before it.
    buffer = bytearray(b"\r\n")
    parts = _split(buffer, pieces, boundary, most + _LONGEST_HEAD)
    next(parts, None)
    for head, data in parts:
        if head.startswith(b"--"):
            return
        if data is None or len(head) > _LONGEST_HEAD:
            raise FormError("a part without header section")
        if len(data) > most:
            raise FormError(_TOO_LARGE)
        yield _make_part(head, data)
    if not buffer.startswith(b"--"):
        raise FormError("the last part is cut off")


def _split(
    buffer: bytearray, pieces: Iterable[bytes], boundary: bytes, most: int
) -> Iterator[Tuple[bytes, Optional[bytes]]]:
    """Yield what comes before each boundary; the rest is left in the buffer."""
    for piece in pieces:
        start = max(0, len(buffer) - len(boundary) + 1)
        buffer += piece
        while True:
            end = buffer.find(boundary, start)
            if end < 0:
                break
            yield _cut(buffer, end)
            del buffer[: end + len(boundary)]
            start = 0
        # Before more of it is read: somebody may send as much as the server takes.
        if len(buffer) > most:
            raise FormError(_TOO_LARGE)


def _cut(buffer: bytearray, end: int) -> Tuple[bytes, Optional[bytes]]:
    """Return header section and data; None if there is no blank line between them."""
    blank = buffer.find(_BLANK_LINE, 0, end)
    if blank < 0:
        return bytes(buffer[:end]), None
    # A slice of the buffer would be one more copy of the file.
    with memoryview(buffer) as view:
        return bytes(view[:blank]), bytes(view[blank + len(_BLANK_LINE) : end])


def _find_boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    is_form = message.get_content_type() == "multipart/form-data"
    if not is_form or not isinstance(boundary, str) or not boundary:
        raise FormError("missing boundary" if is_form else "invalid Content-Type")
    return boundary.encode("latin-1", "replace")


def _make_part(head: bytes, data: bytes) -> FormFile:
    message = Message()
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon and name.lower() in ("content-disposition", "content-type"):
            message[name] = value.strip()
    part = FormFile()
    for key in ("name", "filename"):
        value_or_none = message.get_param(key, header="content-disposition")
        if isinstance(value_or_none, tuple):  # RFC 2231: charset, language, text
            value_or_none = value_or_none[2]
        if value_or_none is not None:
            part[key] = value_or_none
    if "content-type" in message:
        part["type"] = message["content-type"]
    part["data"] = data
    part["eof"] = True
    return part
