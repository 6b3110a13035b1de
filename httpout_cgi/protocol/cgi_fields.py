"""The lines of a script's header section (RFC 3875 section 6.3): what each is good for.

Nothing that a script printed gets past here unchecked: no CR, LF or NUL leaves in a
name or a value (response splitting, CWE-113), and no field that belongs to the
connection.  Text is ISO-8859-1, one character for each byte.

Pure: must not know what a response is, nor where a header section ends.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Literal, TypeAlias

from httpout_cgi.errors import HTTPError

FieldTuple: TypeAlias = tuple[tuple[str, str], ...]
_Kind: TypeAlias = Literal["passed", "own", "ignored", "refused", "malformed"]

# cgitb.reset() begins with this line.  Servers in the days of its author took it for a
# field, so that the Content-Type behind it, inside a comment for browsers, became one.
SPAM = "<!--: spam"
# Files to be sent instead of content; the first that has a value counts.
SENDFILE = ("x-sendfile", "x-accel-redirect", "x-lighttpd-send-file")

_OWN = frozenset({"status", "location", "content-type", "connection", *SENDFILE})
# The framing and the clock are ours: a wrong Content-Length would split the connection
# in the wrong place (Apache drops it too, CVE-2024-24795), and hop-by-hop fields are
# about a connection that the script does not have (RFC 3875 section 6.3.4).
_IGNORED = frozenset(
    {"content-length", "date", "server", "keep-alive", "upgrade", "te", "trailer"}
)
_REFUSED = ("transfer-encoding", "x-cgi-")

_match_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_find_control = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_remove_controls = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").sub
_unfold = re.compile(r"\n[ \t]+").subn


@dataclass(frozen=True, slots=True)
class HeaderSection:
    """A header section, read but not yet understood.

    ``own`` maps the lower-case names of the fields that the gateway acts on to their
    last values; ``fields`` are for the client, as they came.  ``warnings`` are for the
    log.
    """

    own: Mapping[str, str]
    fields: FieldTuple
    warnings: tuple[str, ...]


def read_header_section(section: bytes) -> HeaderSection:
    """Take complete lines apart.  Raises HTTPError 500 if one of them is no field."""
    own: dict[str, str] = {}
    fields: list[tuple[str, str]] = []
    warnings: list[str] = []
    text = section.decode("latin-1")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    # CGI has no folded lines (RFC 3875 section 6.3), but old scripts do.
    text, folds = _unfold(" ", text)
    if folds:
        warnings.append("joined folded lines in the header section")
    for line in text[:-1].split("\n"):
        warning = _read_line(line, own, fields)
        if warning:
            warnings.append(warning)
    return HeaderSection(own, tuple(fields), tuple(warnings))


def _read_line(
    line: str, own: dict[str, str], fields: list[tuple[str, str]]
) -> str | None:
    """Put a field where it belongs; return a warning if that is nowhere."""
    name, colon, value = line.partition(":")
    kind = _classify(name) if colon else "malformed"
    if kind == "malformed":
        raise refuse_line(line)
    if kind == "ignored":
        return None
    if kind == "refused":
        return f"dropped field {escape(name)}"
    value = value.strip(" \t")
    # isprintable is quick, but also false for some of what may pass.
    if not value.isprintable() and _find_control(value):
        if name.lower() != "status":
            return f"dropped field {escape(name)}: control character in its value"
        # Without its field, an error would go out as a success.
        value = _remove_controls("", value)
    if kind == "own":
        own[name.lower()] = value
    else:
        fields.append((name, value))
    return None


# A script may make up names: 64 kB each, if it likes (CWE-770).
_LONGEST_KEPT_NAME = 64


def _classify(name: str) -> _Kind:
    recall = _recall_kind if len(name) <= _LONGEST_KEPT_NAME else _find_kind
    return recall(name)


def _find_kind(name: str) -> _Kind:
    lower = name.lower()
    if lower in _OWN:
        return "own"
    if (
        lower in _IGNORED
        or lower.startswith("proxy-")
        or name == SPAM.partition(":")[0]
    ):
        return "ignored"
    if not _match_token(name):
        # A blank before the colon is a slip; what else is no token is no field.
        return "refused" if _match_token(name.rstrip(" \t")) else "malformed"
    return "refused" if lower.startswith(_REFUSED) else "passed"


_recall_kind = lru_cache(maxsize=512)(_find_kind)


def refuse_line(line: str) -> HTTPError:
    """Build the error for a line that is no field."""
    return refuse(f"malformed header from script: {escape(line)}")


def refuse(reason: str) -> HTTPError:
    """Build the error for output that is no CGI response; the reason is logged."""
    return HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)


def escape(text: str) -> str:
    """Make what a script printed fit for a log line (CWE-117)."""
    return ascii(text[:80])[1:-1]
