"""The Forwarded field: what each proxy on the way says of its client (RFC 7239).

Pure: takes the field apart; whom to believe is told by forwarded.py.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from httpout_cgi.protocol.addresses import Address, parse_address

Hop: TypeAlias = Mapping[str, str]
"""Parameters of one proxy's element; names are lower-case, values have no quotes."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A pair, and what ends it.  Blanks stand where only one part can take them: else, a
# field of blanks would take quadratic time (CWE-1333).
_match_pair = re.compile(
    rf"[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|\"((?:[^\"\\]|\\.)*)\")[ \t]*)?([;,]|\Z)"
).match
_unescape = re.compile(r"\\(.)").sub
# RFC 7239 section 6: unknown, a made-up name, or an address; and a port.
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_match_hidden = re.compile(rf"(?:unknown|_[A-Za-z0-9._-]+){_PORT}", re.I).fullmatch
_match_address = re.compile(rf"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)){_PORT}").fullmatch


def parse_forwarded(values: Sequence[str]) -> list[Hop] | None:
    """Return the hops, the client's first; None if anything is malformed.

    Where a quote is missing, nobody knows what belongs to which proxy: a client could
    take the elements behind its own into a string.
    """
    hops: list[Hop] = []
    hop: dict[str, str] = {}
    for value in values:
        position, end = 0, ","
        while end:
            match = _match_pair(value, position)
            if match is None:
                return None
            name, token, quoted, end = match.groups()
            position = match.end()
            if name is not None and not _add(hop, name.lower(), token, quoted):
                return None
            if end != ";" and hop:
                hops.append(hop)
                hop = {}
    return hops


def find_address(hop: Hop) -> Address | None:
    """Return who has asked the proxy; None if it does not tell."""
    match = _match_address(hop.get("for", ""))
    return parse_address(match[1] or match[2]) if match else None


def _add(hop: dict[str, str], name: str, token: str | None, quoted: str | None) -> bool:
    """Add a parameter; tell whether it may be there."""
    value = _unescape(r"\1", quoted or "") if token is None else token
    if name in hop:
        return False
    hop[name] = value
    if name != "for":
        return True
    return find_address(hop) is not None or _match_hidden(value) is not None
