"""The header section of a page: what response.set_header() and its kin fill in.

It is written once, before the first byte of the page's output.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Callable, Dict, List, Optional, Tuple, Union
from urllib.parse import quote

_Text = Union[str, bytes, bytearray]

HTML = "text/html; charset=utf-8"
# What most pages have.
_USUAL = f"Content-Type: {HTML}\n\n".encode("latin-1")

# Fields that tell what the content is.
_OF_CONTENT = ("content-encoding", "content-disposition")

_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
# What could end the line, and begin another field of somebody else's choice.
_find_control = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search


class HeadersSentError(RuntimeError):
    """The header section is on its way: it cannot be changed any more."""


class PageHead:
    """Status and fields of one page; any of its threads may ask.

    ``tell`` is told the header section whenever it has changed.
    """

    # Class attributes, for most pages change none of them.
    is_sent = False
    status = 200
    reason = ""
    content_type = HTML

    def __init__(self, tell: Optional[Callable[[bytes], object]] = None) -> None:
        self._tell = tell
        self.fields: List[Tuple[str, str]] = []

    def set_status(self, status: int, message: _Text = "") -> None:
        """Set the status; the phrase that belongs to it unless there is a message."""
        self._check()
        if not 200 <= int(status) <= 999:
            raise ValueError(f"no status of a response: {status}")
        self.status, self.reason = int(status), _value(message)
        self._note_change()

    def set(self, name: _Text, value: _Text) -> None:
        """Let a field have this value alone."""
        self._check()
        key, text = _name(name), _value(value)
        lower = key.lower()
        if lower == "content-type":
            self.content_type = text
        else:
            self.fields = [one for one in self.fields if one[0].lower() != lower]
            self.fields.append((key, text))
        self._note_change()

    def append(self, name: _Text, value: _Text) -> None:
        """Add a field, whether there is one of that name or not."""
        self._check()
        key, text = _name(name), _value(value)
        if key.lower() == "content-type":
            self.content_type = text  # there is one
        else:
            self.fields.append((key, text))
        self._note_change()

    def leave_type(self) -> None:
        """Let the content be somebody else's, who knows its type."""
        self._check()
        self.content_type = ""
        self._note_change()

    def fail(self) -> None:
        """Be the head of an error page, whatever the page had in mind to send."""
        self._check()
        self.status, self.reason, self.content_type = 500, "", HTML
        self.fields = [one for one in self.fields if one[0].lower() not in _OF_CONTENT]
        self._note_change()

    def as_mapping(self) -> Dict[bytes, List[bytes]]:
        """Return the fields by lower-case name, as those of a request are."""
        found: Dict[bytes, List[bytes]] = {}
        for name, value in self.fields:
            key = name.lower().encode("latin-1")
            found.setdefault(key, []).append(value.encode("latin-1"))
        return found

    def encode(self) -> bytes:
        """Return the header section; the fields are settled from now on."""
        self.is_sent = True
        return self._format()

    def _note_change(self) -> None:
        if self._tell is not None:
            self._tell(self._format())

    def _format(self) -> bytes:
        if self.status == 200 and not self.reason and not self.fields:
            if self.content_type is HTML:
                return _USUAL
            if self.content_type:
                return f"Content-Type: {self.content_type}\n\n".encode("latin-1")
        status = self.status
        if status == 200 and any(name.lower() == "location" for name, _ in self.fields):
            # For a client: without a status it would be a redirect of our own.
            status = 302
        lines = [f"Status: {status} {self.reason or _phrase(status)}".rstrip()]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        return "\n".join([*lines, "", ""]).encode("latin-1")

    def _check(self) -> None:
        if self.is_sent:
            raise HeadersSentError("headers already sent")


def format_cookie(
    name: _Text,
    value: _Text,
    *,
    expires: float,
    path: str,
    domain: Optional[str],
    secure: bool,
    httponly: bool,
    samesite: Optional[str],
) -> str:
    """Return what Set-Cookie says; ``expires`` is in seconds from now.

    0 is the end of the browser's session.  The value is percent-encoded, as
    request.cookies expects it.
    """
    key = name if isinstance(name, str) else bytes(name).decode("latin-1")
    # A semicolon would add attributes of somebody else's choice.
    if not _is_token(key):
        raise ValueError(f"no name of a cookie: {key!r}")
    parts = [f"{key}={quote(value, safe='')}"]
    if expires:
        date = formatdate(time.time() + expires, usegmt=True)
        parts += [f"expires={date}", f"max-age={int(expires)}"]
    named = (("path", path), ("domain", domain), ("samesite", samesite))
    for attribute, text in named:
        if text:
            if ";" in text:
                raise ValueError(f"no {attribute} of a cookie: {text!r}")
            parts.append(f"{attribute}={text}")
    flags = (("secure", secure), ("httponly", httponly))
    parts += [flag for flag, is_on in flags if is_on]
    return "; ".join(parts)


def _name(name: _Text) -> str:
    text = name if isinstance(name, str) else bytes(name).decode("latin-1")
    if not _is_token(text):
        raise ValueError(f"no name of a field: {text!r}")
    return text


def _value(value: _Text) -> str:
    """Return text of which each character is a byte, as all fields are."""
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape").decode("latin-1")
    else:
        text = bytes(value).decode("latin-1")
    if _find_control(text):
        raise ValueError(f"no value of a field: {text!r}")
    return text.strip(" \t")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
