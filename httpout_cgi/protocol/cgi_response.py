"""What a header section means: a document or a redirect (RFC 3875 section 6.2).

Its lines are read in cgi_fields.py.  Text is ISO-8859-1.

Pure: must not know files, runners or requests; what a result leads to is the gateway's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TypeAlias

from httpout_cgi.protocol.cgi_fields import (
    SENDFILE,
    FieldTuple,
    HeaderSection,
    escape,
    read_header_section,
    refuse,
)

_STATUSES_WITHOUT_CONTENT = frozenset({204, 205, 304})
# Longer header sections are rarely printed twice, and would be kept in the cache.
_CACHED_LENGTH = 1024

_match_status = re.compile(r"([1-9][0-9]{2})(?![0-9])(.*)", re.S).fullmatch


@dataclass(frozen=True, slots=True)
class Document:
    """A document response (RFC 3875 section 6.2.1), or a redirect with a document.

    An empty ``reason`` means the phrase that belongs to the status.  ``sendfile`` is
    the unchecked value of X-Sendfile and its kin: that file is to be sent instead of
    what the script prints.  ``close``: the script asked for ``Connection: close``.
    """

    status: int = 200
    reason: str = ""
    fields: FieldTuple = ()
    has_status: bool = False
    sendfile: str | None = None
    close: bool = False

    @property
    def allows_content(self) -> bool:
        """Tell whether content may follow; if not, what is printed is dropped."""
        return self.status not in _STATUSES_WITHOUT_CONTENT


@dataclass(frozen=True, slots=True)
class LocalRedirect:
    """A path and query of this server, to be answered instead (section 6.2.2).

    ``fields`` (cookies, say) go out with that answer.
    """

    target: str
    fields: FieldTuple = ()
    close: bool = False


@dataclass(frozen=True, slots=True)
class ClientRedirect:
    """A URL that the client is sent to, with status 302 (section 6.2.3).

    The content is the server's own; ``fields`` have Location and all that the script
    added, except for what describes content.
    """

    location: str
    fields: FieldTuple = ()
    close: bool = False


Result: TypeAlias = Document | LocalRedirect | ClientRedirect


@dataclass(frozen=True, slots=True)
class Interim:
    """A 1xx response in front of the real one."""

    status: int
    fields: FieldTuple


def interpret(section: bytes) -> tuple[Result | Interim, tuple[str, ...]]:
    """Return what a header section means, and lines for the log.

    Raises HTTPError 500 if it is malformed.
    """
    return (_interpret if len(section) > _CACHED_LENGTH else _recall)(section)


def _interpret(section: bytes) -> tuple[Result | Interim, tuple[str, ...]]:
    """Return what a header section means, and lines for the log."""
    if not section:
        return Document(), ("blank line before the header section: all is content",)
    read = read_header_section(section)
    status, reason = _parse_status(read.own.get("status"))
    if status is not None and status < HTTPStatus.OK:
        return Interim(status, read.fields), read.warnings
    location = read.own.get("location")
    if location and status in (None, HTTPStatus.OK):
        return _build_redirect(location, read), read.warnings
    return _build_document(status, reason, read), read.warnings


# Scripts print few different header sections, and most of them again and again.
_recall = lru_cache(maxsize=512)(_interpret)


def _build_document(status: int | None, reason: str, read: HeaderSection) -> Document:
    own, fields = read.own, read.fields
    if location := own.get("location"):
        fields = (("Location", location), *fields)
    if content_type := own.get("content-type"):
        fields = (("Content-Type", _lower_type(content_type)), *fields)
    sendfile = next((own[name] for name in SENDFILE if own.get(name)), None)
    return Document(
        status or HTTPStatus.OK.value,
        reason,
        fields,
        status is not None,
        sendfile,
        _asks_to_close(own),
    )


def _build_redirect(
    location: str, read: HeaderSection
) -> LocalRedirect | ClientRedirect:
    """Keep cookies and the like, drop what describes content: that is another's now."""
    kept = tuple(field for field in read.fields if not _is_about_document(field[0]))
    close = _asks_to_close(read.own)
    if location.startswith("/"):
        # A fragment is the client's affair, and it will not see this URL.
        return LocalRedirect(location.partition("#")[0], kept, close)
    return ClientRedirect(location, (("Location", location), *kept), close)


def _is_about_document(name: str) -> bool:
    # Its validators, too: they are no use with other content.
    name = name.lower()
    validators = {"last-modified", "etag", "accept-ranges"}
    return name.startswith("content-") or name in validators


def _asks_to_close(own: Mapping[str, str]) -> bool:
    options = own.get("connection", "").lower().split(",")
    return "close" in (option.strip() for option in options)


def _lower_type(content_type: str) -> str:
    """Lower the type as Apache does, not its parameters: boundaries have a case."""
    if content_type.islower():
        return content_type
    media_type, semicolon, parameters = content_type.partition(";")
    return media_type.lower() + semicolon + parameters


def _parse_status(value: str | None) -> tuple[int | None, str]:
    """Return status and reason phrase; a phrase not behind a blank is dropped."""
    if value is None:
        return None, ""
    match = _match_status(value)
    if match is None:
        raise refuse(f"invalid status from script: {escape(value)}")
    reason: str = match[2]
    return int(match[1]), reason.strip(" \t") if reason.startswith((" ", "\t")) else ""
