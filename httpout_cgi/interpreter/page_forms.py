"""What a form sends: fields in a query string, or parts with files.

Pure: takes the content whole, and looks at each byte of it once.
"""

from __future__ import annotations

from email.message import Message
from typing import AsyncIterator, Dict, Iterator, List
from urllib.parse import parse_qsl

_CHUNK = 65_536
# A part has three or four lines of header.
_LONGEST_HEAD = 16_384


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
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="surrogateescape", max_num_fields=most
        )
    except ValueError as exc:
        raise FormError(f"more than {most} fields") from exc
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def parse_cookies(text: str) -> Dict[str, List[str]]:
    """Return what a Cookie field has."""
    found: Dict[str, List[str]] = {}
    for pair in text.split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        if equals:
            found.setdefault(name, []).append(value.strip('"'))
    return found


def parse_parts(content: bytes, content_type: str) -> Iterator[FormFile]:
    """Yield the parts of multipart/form-data (RFC 7578)."""
    boundary = _find_boundary(content_type)
    # The first one has no line end before it.
    pieces = (b"\r\n" + content).split(b"\r\n--" + boundary)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        head, blank, data = piece.partition(b"\r\n\r\n")
        if not blank or len(head) > _LONGEST_HEAD:
            raise FormError("a part without header section")
        yield _make_part(head, data)
    raise FormError("the last part is cut off")


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
    for line in head.decode("utf-8", "surrogateescape").split("\r\n"):
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
