"""Preconditions (RFC 9110 section 13).

For static files, and for scripts that print validators of their own.
Pure: must not know files or the clock.
"""

import re
from calendar import timegm
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import format_datetime
from functools import lru_cache
from typing import Literal, TypeAlias

FieldMap: TypeAlias = Mapping[str, Sequence[str]]
"""Lower-case field names and all their values, as in a Request."""


_find_tags = re.compile(r'(?:W/)?"[!\x23-\x7e\x80-\xff]*"').findall

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS.split("|"), 1)}
_MONTH = rf"(?P<month>{_MONTHS})"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# IMF-fixdate, and the obsolete ones of RFC 850 and asctime (RFC 9110 section 5.6.7).
_DATE_FORMATS = (
    rf"[a-z]{{3}}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
    rf"[a-z]{{6,9}}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
    rf"[a-z]{{3}} {_MONTH} (?P<day>[\d ]\d) {_TIME} (?P<year>\d{{4}})",
)
_match_date = tuple(
    re.compile(pattern, re.I | re.A).fullmatch for pattern in _DATE_FORMATS
)


def make_etag(mtime_ns: int, size: int, inode: int) -> str:
    """Return the strong entity tag of a file."""
    return f'"{inode:x}-{size:x}-{mtime_ns:x}"'


@lru_cache(maxsize=1024)
def format_date(seconds: int) -> str:
    """Format seconds since the epoch as an IMF-fixdate."""
    return format_datetime(datetime.fromtimestamp(seconds, timezone.utc), usegmt=True)


def parse_date(text: str) -> int | None:
    """Parse an HTTP-date of any of the three formats into seconds since the epoch.

    Returns None if it is none of them.  Years of two digits are from 1969 to 2068.
    """
    for match_format in _match_date:
        match = match_format(text.strip())
        if match is not None:
            return _compute_seconds(match)
    return None


def _compute_seconds(match: re.Match[str]) -> int | None:
    month, year = _MONTH_NUMBERS[match["month"].lower()], int(match["year"])
    if len(match["year"]) == 2:
        year += 1900 if year >= 69 else 2000
    # 60 is a leap second; datetime has none.
    second = min(int(match["second"]), 59)
    hour, minute, day = int(match["hour"]), int(match["minute"]), int(match["day"])
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return timegm(moment.timetuple())


def evaluate(
    method: str, fields: FieldMap, etag: str | None, last_modified: str | None
) -> Literal[304, 412] | None:
    """Tell what the preconditions make of a request (RFC 9110 section 13.2.2).

    None: go on.  ``etag`` and ``last_modified`` are the fields of what would be sent,
    None if it has no such validator; a date that cannot be parsed is ignored.
    """
    if_match = get_list(fields, "if-match")
    if if_match is not None:
        if not _is_listed(etag, if_match, weakly=False):
            return 412
    elif _is_newer(last_modified, get_list(fields, "if-unmodified-since")) is True:
        return 412
    is_read = method in ("GET", "HEAD")
    if_none_match = get_list(fields, "if-none-match")
    if if_none_match is not None:
        if _is_listed(etag, if_none_match, weakly=True):
            return 304 if is_read else 412
    elif is_read and (
        _is_newer(last_modified, get_list(fields, "if-modified-since")) is False
    ):
        return 304
    return None


def get_list(fields: FieldMap, name: str) -> str | None:
    """Return the values of a field as one list (RFC 9110 section 5.3)."""
    values = fields.get(name)
    return ", ".join(values) if values else None


def _is_listed(etag: str | None, listed: str, *, weakly: bool) -> bool:
    """Tell whether the tag is in the list; ``*`` is whatever there is."""
    if listed.strip() == "*":
        return True
    if etag is None:
        return False
    tags = _find_tags(listed)
    if weakly:
        return etag.removeprefix("W/") in (tag.removeprefix("W/") for tag in tags)
    return not etag.startswith("W/") and etag in tags


def _is_newer(last_modified: str | None, date: str | None) -> bool | None:
    """Tell whether something was modified after a date; None: one is not known."""
    if last_modified is None or date is None:
        return None
    ours, theirs = parse_date(last_modified), parse_date(date)
    if ours is None or theirs is None:
        return None
    return ours > theirs


def is_same_validator(
    if_range: str, etag: str | None, last_modified: str | None
) -> bool:
    """Tell whether If-Range has exactly our validator (RFC 9110 section 13.1.5)."""
    validator = if_range.strip()
    if validator.endswith('"'):
        return validator == etag and not validator.startswith("W/")
    if last_modified is None:
        return False
    date = parse_date(validator)
    return date is not None and date == parse_date(last_modified)
