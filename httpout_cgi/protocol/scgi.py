"""SCGI framing, both directions: what a worker, or nginx, tells a pool.

A request is a netstring of names and values, each ended by NUL, then the content
(https://python.ca/scgi/protocol.txt).  The answer is a script's output as it is.
Pure, standard library only: a pool may run under another Python.
"""

from __future__ import annotations

import os
from itertools import chain
from typing import Mapping, NamedTuple, Sequence

# What a server passes on is bounded by its own limit for request heads; this one keeps
# a stranger at the socket from filling the memory.
HEAD_LIMIT = 1 << 20

_LONGEST_LENGTH = len(str(HEAD_LIMIT))


class SCGIError(ValueError):
    """Bytes that are no SCGI request; the connection can only be closed."""


class Head(NamedTuple):
    """``size`` is that of the head on the wire: the content begins behind it."""

    variables: dict[str, str]
    content_length: int
    size: int


def encode_head(variables: Mapping[str, str]) -> bytes:
    """Return the head of a request; CONTENT_LENGTH is put first, 0 if there is none.

    Raises ValueError for what could be read as other variables: an empty name, or NUL
    in a name or value.
    """
    own = {"CONTENT_LENGTH": variables.get("CONTENT_LENGTH") or "0", "SCGI": "1"}
    pairs = {**own, **variables, **own}
    text = "\0".join([*chain.from_iterable(pairs.items()), ""])
    if "" in pairs or text.count("\0") != 2 * len(pairs):
        names = [name for name, value in pairs.items() if "\0" in name + value]
        raise ValueError(f"cannot be sent as SCGI: {(names or [''])[0]!r}")
    body = os.fsencode(text)
    return b"%d:%s," % (len(body), body)


def parse_head(data: bytes) -> Head | None:
    """Return the head that ``data`` begins with, or None if more is needed.

    Raises SCGIError for what can never become one.
    """
    digits, colon, _ = data[: _LONGEST_LENGTH + 1].partition(b":")
    # isdigit() of bytes knows ASCII digits only: no sign, no blank.
    if digits and not digits.isdigit():
        raise SCGIError("the head has no length")
    if not colon:
        if len(digits) > _LONGEST_LENGTH:
            raise SCGIError("the head's length has too many digits")
        return None
    if not digits or (digits != b"0" and digits.startswith(b"0")):
        raise SCGIError("the head has no length")
    start, length = len(digits) + 1, int(digits)
    if length > HEAD_LIMIT:
        raise SCGIError(f"a head of {length} bytes is too large")
    size = start + length + 1
    if len(data) < size:
        return None
    if data[size - 1 : size] != b",":
        raise SCGIError("no comma ends the head")
    variables = _parse_pairs(data[start : size - 1])
    return Head(variables, _content_length(variables), size)


def _parse_pairs(body: bytes) -> dict[str, str]:
    # All at once: NUL ends what no encoding of ours could go on with.
    *texts, rest = os.fsdecode(body).split("\0")
    if rest or len(texts) % 2:
        raise SCGIError("a name or value has no end")
    names = texts[::2]
    variables = dict(zip(names, texts[1::2]))
    if "" in variables:
        raise SCGIError("a name is empty")
    if len(variables) < len(names):
        variables = _join_all(names, texts[1::2])
    if variables.get("SCGI") != "1":
        raise SCGIError("SCGI=1 is missing")
    del variables["SCGI"]
    return variables


def _join_all(names: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, text in zip(names, texts):
        known = variables.get(name)
        variables[name] = text if known is None else _join(name, known, text)
    return variables


def _join(name: str, first: str, second: str) -> str:
    """Combine the fields of a request that nginx before 1.23 sends one by one."""
    if not name.startswith("HTTP_"):
        # It could mean one thing here and another in the script.
        raise SCGIError(f"{name} is there twice")
    # RFC 9110 section 5.3, RFC 6265 section 5.4.
    return f"{first}{'; ' if name == 'HTTP_COOKIE' else ', '}{second}"


def _content_length(variables: Mapping[str, str]) -> int:
    text = variables.get("CONTENT_LENGTH", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise SCGIError("CONTENT_LENGTH is no number")
    return int(text)
