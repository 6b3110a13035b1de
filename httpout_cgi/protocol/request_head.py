"""The head of a request: request line and header section (RFC 9112 sections 3 to 7).

Pure and strict: what two servers could read in two ways is refused, because that is
how requests are smuggled past a front server.  Must not know connections or tremolo.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple, TypeAlias

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import ReceivedFields

# Apache (LimitRequestFields) and tremolo draw the line here, too.
MAXIMUM_FIELDS = 100

_REQUEST_LINE = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) HTTP/([0-9])\.([0-9])"
).fullmatch
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch
# At most 18 digits: no size that anyone sends, and int() stays cheap.
_DIGITS = re.compile(r"[0-9]{1,18}").fullmatch

# Field names as they are spelled -> lower-case; bounded, so that a client who invents
# names cannot make it grow.
_NAMES: dict[str, str] = {}
_NAMES_LIMIT = 512

# The longest header section that is kept; a browser's has about half of it.
_KEPT_LENGTH = 2048
# What of a RequestHead is not in its first line.
_Section: TypeAlias = "tuple[ReceivedFields, int | None, bool, bool, bool]"


class RequestHead(NamedTuple):
    """A request without its content; text is ISO-8859-1, field names are lower-case.

    ``content_length`` is None without content, and with ``chunked`` content.
    """

    method: str
    target: str
    version: str
    fields: Mapping[str, list[str]]
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expects_continue: bool


class HeadParser:
    """Reads the heads of one connection, whose client says most of it again and again.

    A header section that is the last one again has been read; its fields are the same
    object then.
    """

    def __init__(self) -> None:
        self._section = ""
        self._version = ""
        self._read: _Section | None = None

    def parse(self, head: bytes) -> RequestHead:
        """Read a head without the empty line at its end.

        Raises HTTPError: 400, 417, 431, 501 or 505.
        """
        line, end, section = head.decode("latin-1").partition("\r\n")
        read = self._read if section == self._section else None
        if read is None and section.count("\r\n") >= MAXIMUM_FIELDS:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise HTTPError(status, f"more than {MAXIMUM_FIELDS} fields")
        method, target, version = _parse_request_line(line)
        if read is None or version != self._version:
            read = _parse_section(section.split("\r\n") if end else [], version)
            if section and len(section) <= _KEPT_LENGTH:
                self._section, self._version, self._read = section, version, read
        fields, content_length, chunked, keep_alive, expects_continue = read
        return RequestHead(
            method,
            target,
            version,
            fields,
            content_length,
            chunked,
            keep_alive,
            expects_continue,
        )


def _parse_request_line(line: str) -> tuple[str, str, str]:
    match = _REQUEST_LINE(line)
    if match is None:
        raise _bad("malformed request line")
    method, target, major, minor = match.groups()
    if major != "1":
        status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        raise HTTPError(status, f"HTTP/{major}.{minor}")
    # RFC 9110 section 2.5: a later minor version is read as the highest we know.
    return method, target, "HTTP/1.0" if minor == "0" else "HTTP/1.1"


def _parse_section(lines: list[str], version: str) -> _Section:
    fields = _parse_fields(lines)
    _check_host(fields, version)
    content_length, chunked = _parse_framing(fields, version)
    return (
        ReceivedFields(fields),
        content_length,
        chunked,
        _is_kept_alive(fields, version),
        "expect" in fields and _expects_continue(fields, version),
    )


def _parse_fields(lines: list[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in lines:
        raw, colon, value = line.partition(":")
        name = _NAMES.get(raw) or _read_name(raw)
        if not colon:
            raise _bad("field line without a colon")
        value = value.strip(" \t")
        # isprintable is the quick test; bytes such as a tab or 0xA0 need the slow one.
        if not value.isprintable() and not _VALUE(value):
            raise _bad(f"control character in the field {name}")
        if name in fields:
            fields[name].append(value)
        else:
            fields[name] = [value]
    return fields


def _read_name(raw: str) -> str:
    # Refuses "Name :", folded lines and empty names, too (RFC 9112 sections 5.1, 5.2).
    if not _TOKEN(raw):
        raise _bad(f"malformed field name {raw[:40]!r}")
    name = raw.lower()
    if len(_NAMES) < _NAMES_LIMIT and len(raw) <= 64:
        _NAMES[raw] = name
    return name


def _check_host(fields: Mapping[str, list[str]], version: str) -> None:
    # Two Host fields are two sites, one for the front server and one for us.
    hosts = fields.get("host")
    if hosts is None:
        if version == "HTTP/1.1":
            raise _bad("no Host field")
    elif len(hosts) != 1:
        raise _bad("more than one Host field")


def _parse_framing(
    fields: Mapping[str, list[str]], version: str
) -> tuple[int | None, bool]:
    codings = fields.get("transfer-encoding")
    lengths = fields.get("content-length")
    if codings is None:
        return (None if lengths is None else _parse_length(lengths)), False
    # Both lengths at once are request smuggling (RFC 9112 section 6.1).
    if lengths is not None:
        raise _bad("both Content-Length and Transfer-Encoding")
    if version == "HTTP/1.0":
        raise _bad("Transfer-Encoding in HTTP/1.0")
    if len(codings) != 1 or codings[0].lower() != "chunked":
        raise _refuse_codings(",".join(codings).lower())
    return None, True


def _refuse_codings(listed: str) -> HTTPError:
    """Return 501 for codings that we do not know before the chunks, else 400.

    If chunked is not the last one, or there twice, nobody knows where the content ends
    (RFC 9112 sections 6.1 and 6.3).
    """
    before, _, last = listed.rpartition(",")
    others = [coding.strip(" \t") for coding in before.split(",")]
    reason = f"Transfer-Encoding {listed[:40]!r}"
    if last.strip(" \t") == "chunked" and not {"", "chunked", "identity"} & {*others}:
        return HTTPError(HTTPStatus.NOT_IMPLEMENTED, reason)
    return _bad(reason)


def _parse_length(lengths: list[str]) -> int:
    # "5, 5" and "+5" are legal to some and not to others: smuggling.
    if len(lengths) != 1 or not _DIGITS(lengths[0]):
        raise _bad(f"malformed Content-Length {', '.join(lengths)[:40]!r}")
    return int(lengths[0])


def _is_kept_alive(fields: Mapping[str, list[str]], version: str) -> bool:
    values = fields.get("connection")
    if values is None:
        return version == "HTTP/1.1"
    options = {option.strip().lower() for option in ",".join(values).split(",")}
    if version == "HTTP/1.0":
        return "keep-alive" in options and "close" not in options
    return "close" not in options


def _expects_continue(fields: Mapping[str, list[str]], version: str) -> bool:
    expectation = ",".join(fields["expect"]).lower()
    if expectation != "100-continue":
        raise HTTPError(HTTPStatus.EXPECTATION_FAILED, f"Expect {expectation[:40]!r}")
    # An HTTP/1.0 client could not read the 100 (RFC 9110 section 10.1.1).
    return version == "HTTP/1.1"


def _bad(reason: str) -> HTTPError:
    return HTTPError(HTTPStatus.BAD_REQUEST, reason)
