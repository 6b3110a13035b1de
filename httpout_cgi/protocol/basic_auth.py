"""The Basic scheme: what a client sends, and what it is asked for (RFC 7617).

Pure: must not know files, users or hashes.
"""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# Longer ones no htpasswd has ever hashed; each round of a hash would take its time.
_LONGEST_PASSWORD = 1024

_match_basic = re.compile(r"basic +([A-Za-z0-9+/]+={0,2})", re.I).fullmatch
_find_control = re.compile(rb"[\x00-\x1f\x7f]").search


class Credentials(NamedTuple):
    """A name and a password, as the bytes that the client sent."""

    user: bytes
    password: bytes

    def __repr__(self) -> str:
        # A traceback or a log must not show what it holds.
        return "Credentials(...)"


def read_credentials(fields: Mapping[str, Sequence[str]]) -> Credentials | None:
    """Return what an Authorization field holds; None if it is not there, or malformed.

    Of two fields nobody could tell which one another server has believed.
    """
    values = fields.get("authorization", ())
    match = _match_basic(values[0]) if len(values) == 1 else None
    if match is None:
        return None
    try:
        decoded = b64decode(match[1], validate=True)
    except ValueError:
        return None
    user, colon, password = decoded.partition(b":")
    # Control characters are forbidden (RFC 7617 section 2), and could forge log lines;
    # at a NUL, C libraries would stop comparing.
    if not user or not colon or _find_control(decoded):
        return None
    if len(password) > _LONGEST_PASSWORD:
        return None
    return Credentials(user, password)


def make_challenge(realm: str) -> str:
    """Return the value of WWW-Authenticate; ``realm`` is one line of ASCII."""
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{quoted}", charset="UTF-8"'
