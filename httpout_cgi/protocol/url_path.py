"""Request targets: from what a client asked for to a path (RFC 9112 section 3).

Dot segments are resolved and empty ones merged before anything is mapped to a file
(RFC 3875 section 9.8), with Apache's answers to what cannot name a file here: 400 for
a broken escape and for ``..`` above the root, 404 for an encoded slash, NUL or
backslash.  Other control characters are 400.  Lengths are not judged: the head has its
own limit (431), names too long for the disk are the resolver's, and an extra path may
be as long as it likes.

Pure: must not know sites, folders or files.
"""

import os
import re
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from httpout_cgi.errors import HTTPError


class Target(NamedTuple):
    """A request target, taken apart.

    ``path`` is decoded with the file system encoding, begins with one slash, and has
    neither empty nor dot segments; a slash at the end is kept.  ``raw_path`` and
    ``query`` are as they were sent, one character for each byte.  ``authority`` is
    that of an absolute target, which replaces the Host field (RFC 9112 section 3.2.2).
    The path of ``*`` is ``*``.
    """

    path: str
    query: str
    raw_path: str
    authority: str | None = None


# Longer ones are rarely asked for twice, and would be kept in the cache.
_CACHED_LENGTH = 128

# What nearly every request sends: segments of plain characters that do not begin with
# a dot.  Each repetition begins with a slash, which no segment contains, so matching
# takes linear time.
_match_plain = re.compile(
    r"((?:/[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_.~!$&'()*+,;=:@-]*)*/?)"
    r"(?:\?([!\"$-~]*))?"
).fullmatch
_match_absolute = re.compile(
    r"https?://([A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+)(?=[/?]|\Z)(.*)", re.I | re.S
).fullmatch
# A fragment is not part of a request target (RFC 9112 section 3.2).
_find_forbidden = re.compile(r"[\x00-\x20#\x7f]").search
_find_bad_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search
# A decoded slash would move the border between segments behind the back of whoever
# checked them; a backslash is one on other systems; a NUL ends a file name in C.
_find_unnameable = re.compile(rb"%(?:2f|5c|00)|\\", re.I).search
_find_control = re.compile(rb"[\x01-\x1f\x7f]").search


def parse_target(target: str) -> Target:
    """Take a request target apart.

    Raises HTTPError: 400 if it is malformed, 404 if no file can have such a name.
    """
    return (_parse if len(target) > _CACHED_LENGTH else _recall)(target)


def _parse(target: str) -> Target:
    plain = _match_plain(target)
    # The empty string matches too: it is as malformed as any that has no slash.
    if plain is not None and plain[1]:
        return Target(plain[1], plain[2] or "", plain[1])
    return _parse_odd_target(target)


# Most of what is asked for is asked for again.
_recall = lru_cache(maxsize=1024)(_parse)


def _parse_odd_target(target: str) -> Target:
    if _find_forbidden(target):
        raise HTTPError(HTTPStatus.BAD_REQUEST, "forbidden character in target")
    if target == "*":
        return Target("*", "", "*")
    authority: str | None = None
    rest = target
    if not target.startswith("/"):
        authority, rest = _split_absolute(target)
    raw_path, _, query = rest.partition("?")
    raw_path = raw_path or "/"
    path = os.fsdecode(_remove_dot_segments(_decode(raw_path)))
    return Target(path, query, raw_path, authority)


def _split_absolute(target: str) -> tuple[str, str]:
    """Return authority and the rest of an absolute target.

    User information is refused (RFC 9110 section 4.2.4), and so is the authority form:
    it belongs to CONNECT, which only proxies answer.
    """
    match = _match_absolute(target)
    if match is None:
        raise HTTPError(HTTPStatus.BAD_REQUEST, "target is neither a path nor a URL")
    return match[1], match[2]


def _decode(raw_path: str) -> bytes:
    if _find_bad_escape(raw_path):
        raise HTTPError(HTTPStatus.BAD_REQUEST, "bad percent escape in path")
    encoded = raw_path.encode("latin-1")
    if _find_unnameable(encoded):
        raise HTTPError(HTTPStatus.NOT_FOUND, "slash, backslash or NUL in a name")
    decoded = unquote_to_bytes(encoded)
    if _find_control(decoded):
        raise HTTPError(HTTPStatus.BAD_REQUEST, "control character in path")
    return decoded


def _remove_dot_segments(path: bytes) -> bytes:
    """Resolve dot segments and merge empty ones, as Apache does (MergeSlashes).

    ``..`` above the root is an attack, or a broken client: not clamped but refused.
    """
    segments = path.split(b"/")
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            if not kept:
                raise HTTPError(HTTPStatus.BAD_REQUEST, "dot segments leave the root")
            kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    slash = b"/" if kept and segments[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(kept) + slash
