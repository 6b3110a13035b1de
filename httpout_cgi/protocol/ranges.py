"""Ranges: which bytes of something a client wants (RFC 9110 section 14).

Pure: must not know files or the clock.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from httpout_cgi.protocol.conditional import FieldMap, get_list, is_same_validator


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Count the bytes."""
        return self.last - self.first + 1


class Unsatisfiable:
    """The type of UNSATISFIABLE: ranges of which the content reaches none."""


UNSATISFIABLE: Final = Unsatisfiable()

Ranges: TypeAlias = tuple[ByteRange, ...] | Unsatisfiable | None
"""At least one, in the order to send them; None is everything."""

# Apache's MaxRanges since "Range: bytes=0-,5-0,5-1,5-2,..." made it hold a copy of the
# content for each (CVE-2011-3192, the "Apache killer"): whoever asks for more of them
# gets everything.
_MOST_RANGES = 200

_match_unit = re.compile(r"[ \t]*bytes=", re.I).match
# At most 18 digits: int() refuses what has thousands, and no file is that large.
_match_range = re.compile(r"[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*")


def select_ranges(
    method: str,
    fields: FieldMap,
    size: int,
    etag: str | None,
    last_modified: str | None,
) -> Ranges:
    """Return the ranges that are wanted (RFC 9110 section 14.2).

    If-Range asks for everything unless its validator is exactly ours, and strong
    (section 13.1.5); give a ``last_modified`` only if the date is a strong one.
    """
    value = get_list(fields, "range")
    if method != "GET" or value is None:
        return None
    if_range = get_list(fields, "if-range")
    if if_range is not None and not is_same_validator(if_range, etag, last_modified):
        return None
    return parse_ranges(value, size)


def parse_ranges(field: str, size: int) -> Ranges:
    """Parse a Range field for content of ``size`` bytes.

    None if it is malformed, has another unit, or asks for too many.  Overlapping ones
    are joined, so that never more is sent than there is.
    """
    unit = _match_unit(field)
    # Counted before anything is made of them: a field of 16 KiB has 8,000.
    if unit is None or field.count(",") >= _MOST_RANGES:
        return None
    found: list[ByteRange] = []
    is_empty = True
    for text in field[unit.end() :].split(","):
        if not text.strip(" \t"):
            continue  # RFC 9110 section 5.6.1.2
        one = _parse_range(text, size)
        if one is None:
            return None
        is_empty = False
        if isinstance(one, ByteRange):
            found.append(one)
    if is_empty:
        return None
    if not found:
        return UNSATISFIABLE
    if not size:
        # Satisfiable, but Content-Range cannot express a range of no bytes.
        return None
    return _join(found)


def _parse_range(text: str, size: int) -> ByteRange | Unsatisfiable | None:
    match = _match_range.fullmatch(text)
    if match is None:
        return None
    if match[3]:
        length = int(match[3])
        return ByteRange(max(size - length, 0), size - 1) if length else UNSATISFIABLE
    first, last = int(match[1]), int(match[2] or size)
    if match[2] and last < first:
        return None
    return ByteRange(first, min(last, size - 1)) if first < size else UNSATISFIABLE


def _join(ranges: list[ByteRange]) -> tuple[ByteRange, ...]:
    """Join those that overlap or touch, in one pass over them in order.

    Comparing each with each took minutes (CVE-2025-62727).  The order that the client
    wants stays where nothing is joined (RFC 9110 section 15.3.7.2).
    """
    if len(ranges) == 1:
        return tuple(ranges)
    joined: list[ByteRange] = []
    for one in sorted(ranges, key=lambda each: each.first):
        if joined and one.first <= joined[-1].last + 1:
            joined[-1] = ByteRange(joined[-1].first, max(joined[-1].last, one.last))
        else:
            joined.append(one)
    return tuple(ranges if len(joined) == len(ranges) else joined)


def format_content_range(one: ByteRange, size: int) -> str:
    """Return the value of Content-Range for a part of content of ``size`` bytes."""
    return f"bytes {one.first}-{one.last}/{size}"


@dataclass(frozen=True, slots=True)
class Multipart:
    """What stands around the parts of a multipart response (RFC 9110 section 14.6).

    Before each part comes its entry of ``heads``, ``tail`` behind the last;
    ``length`` counts everything, content included.
    """

    content_type: str
    heads: tuple[bytes, ...]
    tail: bytes
    length: int


def frame_multipart(
    ranges: Sequence[ByteRange], size: int, content_type: str, boundary: str
) -> Multipart:
    """Frame several ranges of content of that type.

    Whoever writes content must not know the boundary: what looks like one would end a
    part early.
    """
    head = f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: "
    heads = tuple(
        f"{head}{format_content_range(one, size)}\r\n\r\n".encode("latin-1")
        for one in ranges
    )
    tail = f"\r\n--{boundary}--\r\n".encode("latin-1")
    length = sum(map(len, heads)) + sum(one.length for one in ranges) + len(tail)
    return Multipart(f"multipart/byteranges; boundary={boundary}", heads, tail, length)
