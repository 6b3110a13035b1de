"""Preconditions and ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpout_cgi.protocol.conditional import (
    UNSATISFIABLE,
    ByteRange,
    Unsatisfiable,
    evaluate,
    format_date,
    make_etag,
    parse_date,
    parse_range,
    select_range,
)

TAG = '"a"'
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"


def make_fields(**values: str) -> dict[str, list[str]]:
    return {name.replace("_", "-"): [value] for name, value in values.items()}


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        pytest.param("GET", make_fields(), None, id="13.2.2 unconditional"),
        pytest.param("GET", make_fields(if_match="*"), None, id="13.1.1 star"),
        pytest.param("GET", make_fields(if_match=TAG), None, id="13.1.1 same"),
        pytest.param("GET", make_fields(if_match='"b", "a"'), None, id="13.1.1 list"),
        pytest.param("GET", make_fields(if_match='"b"'), 412, id="13.1.1 other"),
        pytest.param("GET", make_fields(if_match='W/"a"'), 412, id="13.1.1 weak"),
        pytest.param("PUT", make_fields(if_match='"b"'), 412, id="13.1.1 PUT"),
        pytest.param("GET", make_fields(if_match="a"), 412, id="13.1.1 malformed"),
        pytest.param("GET", make_fields(if_none_match="*"), 304, id="13.1.2 star"),
        pytest.param("HEAD", make_fields(if_none_match=TAG), 304, id="13.1.2 HEAD"),
        pytest.param("GET", make_fields(if_none_match='W/"a"'), 304, id="13.1.2 weak"),
        pytest.param(
            "GET", make_fields(if_none_match='"b",W/"c" , "a"'), 304, id="13.1.2 list"
        ),
        pytest.param("GET", make_fields(if_none_match='"b"'), None, id="13.1.2 other"),
        pytest.param(
            "GET", make_fields(if_none_match="a"), None, id="13.1.2 malformed"
        ),
        pytest.param("GET", make_fields(if_none_match=""), None, id="13.1.2 empty"),
        pytest.param("PUT", make_fields(if_none_match="*"), 412, id="13.1.2 PUT star"),
        pytest.param("POST", make_fields(if_none_match=TAG), 412, id="13.1.2 POST"),
        pytest.param("GET", make_fields(if_modified_since=DATE), 304, id="13.1.3 same"),
        pytest.param(
            "GET", make_fields(if_modified_since=AFTER), 304, id="13.1.3 later"
        ),
        pytest.param(
            "GET", make_fields(if_modified_since=BEFORE), None, id="13.1.3 modified"
        ),
        pytest.param(
            "HEAD", make_fields(if_modified_since=DATE), 304, id="13.1.3 HEAD"
        ),
        pytest.param(
            "POST", make_fields(if_modified_since=DATE), None, id="13.1.3 POST"
        ),
        pytest.param(
            "GET", make_fields(if_modified_since="x"), None, id="13.1.3 no date"
        ),
        pytest.param(
            "GET",
            {"if-modified-since": [DATE, DATE]},
            None,
            id="13.1.3 more than one member",
        ),
        pytest.param(
            "GET", make_fields(if_unmodified_since=DATE), None, id="13.1.4 same"
        ),
        pytest.param(
            "GET", make_fields(if_unmodified_since=BEFORE), 412, id="13.1.4 modified"
        ),
        pytest.param(
            "PUT", make_fields(if_unmodified_since=BEFORE), 412, id="13.1.4 PUT"
        ),
        pytest.param(
            "GET", make_fields(if_unmodified_since="x"), None, id="13.1.4 no date"
        ),
        pytest.param(
            "GET",
            make_fields(if_match=TAG, if_unmodified_since=BEFORE),
            None,
            id="13.2.2 If-Match before If-Unmodified-Since",
        ),
        pytest.param(
            "GET",
            make_fields(if_none_match='"b"', if_modified_since=AFTER),
            None,
            id="13.2.2 If-None-Match before If-Modified-Since",
        ),
        pytest.param(
            "GET",
            make_fields(if_none_match="x", if_modified_since=AFTER),
            None,
            id="13.2.2 even one that cannot be parsed",
        ),
        pytest.param(
            "GET",
            make_fields(if_match='"b"', if_none_match=TAG),
            412,
            id="13.2.2 If-Match before If-None-Match",
        ),
        pytest.param(
            "GET",
            make_fields(if_match=TAG, if_none_match=TAG),
            304,
            id="13.2.2 both",
        ),
        pytest.param(
            "GET",
            make_fields(if_unmodified_since=BEFORE, if_none_match=TAG),
            412,
            id="13.2.2 If-Unmodified-Since before If-None-Match",
        ),
    ],
)
def test_preconditions(
    method: str, fields: dict[str, list[str]], expected: int | None
) -> None:
    assert evaluate(method, fields, TAG, DATE) == expected


@pytest.mark.parametrize(
    ("fields", "etag", "last_modified", "expected"),
    [
        pytest.param(make_fields(if_match="*"), None, None, None, id="star"),
        pytest.param(make_fields(if_match=TAG), None, None, 412, id="If-Match"),
        pytest.param(make_fields(if_none_match=TAG), None, None, None, id="no tag"),
        pytest.param(
            make_fields(if_modified_since=DATE), TAG, None, None, id="no date"
        ),
        pytest.param(
            make_fields(if_unmodified_since=DATE), TAG, None, None, id="unmodified"
        ),
        pytest.param(
            make_fields(if_modified_since=DATE), None, "yesterday", None, id="bad date"
        ),
        pytest.param(make_fields(if_match='W/"a"'), 'W/"a"', None, 412, id="weak"),
        pytest.param(
            make_fields(if_none_match='W/"a"'), 'W/"a"', None, 304, id="weakly"
        ),
        pytest.param(make_fields(if_none_match=TAG), 'W/"a"', None, 304, id="mixed"),
    ],
)
def test_validators_of_a_script(
    fields: dict[str, list[str]],
    etag: str | None,
    last_modified: str | None,
    expected: int | None,
) -> None:
    assert evaluate("GET", fields, etag, last_modified) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", id="5.6.7 IMF-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", id="5.6.7 rfc850-date"),
        pytest.param("Sun Nov  6 08:49:37 1994", id="5.6.7 asctime-date"),
        pytest.param(" Sun, 06 Nov 1994 08:49:37 GMT ", id="5.5 white space"),
    ],
)
def test_date_formats(text: str) -> None:
    assert parse_date(text) == 784111777


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Friday, 01-Jan-69 00:00:00 GMT", "Wed, 01 Jan 1969 00:00:00 GMT"),
        ("Friday, 01-Jan-26 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("Sat, 31 Dec 2016 23:59:60 GMT", "Sat, 31 Dec 2016 23:59:59 GMT"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_unusual_dates(text: str, expected: str) -> None:
    seconds = parse_date(text)

    assert seconds is not None
    assert format_date(seconds) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "now",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun Nov   08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT; length=3",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("field", "size", "expected"),
    [
        pytest.param("bytes=0-499", 10000, ByteRange(0, 499), id="14.1.2 first"),
        pytest.param("bytes=500-999", 10000, ByteRange(500, 999), id="14.1.2 second"),
        pytest.param("bytes=-500", 10000, ByteRange(9500, 9999), id="14.1.2 suffix"),
        pytest.param("bytes=9500-", 10000, ByteRange(9500, 9999), id="14.1.2 open"),
        pytest.param("bytes=0-0", 10000, ByteRange(0, 0), id="14.1.2 one"),
        pytest.param("bytes=0-", 1, ByteRange(0, 0), id="14.1.2 all"),
        pytest.param("bytes=5-99999", 10, ByteRange(5, 9), id="14.1.2 clamped"),
        pytest.param("bytes=-99", 10, ByteRange(0, 9), id="14.1.2 suffix clamped"),
        pytest.param("Bytes=1-2", 10, ByteRange(1, 2), id="14.1 any case"),
        pytest.param(" bytes= 1-2\t", 10, ByteRange(1, 2), id="5.6.1 white space"),
        pytest.param("bytes=10-", 10, UNSATISFIABLE, id="14.1.2 behind the end"),
        pytest.param("bytes=10-20", 10, UNSATISFIABLE, id="14.1.2 far behind"),
        pytest.param("bytes=-0", 10, UNSATISFIABLE, id="14.1.2 last nothing"),
        pytest.param("bytes=0-", 0, UNSATISFIABLE, id="14.1.2 empty open"),
        pytest.param("bytes=0-0", 0, UNSATISFIABLE, id="14.1.2 empty"),
        pytest.param("bytes=-5", 0, None, id="14.1.2 empty suffix"),
        pytest.param("bytes=5-4", 10, None, id="14.1.1 backwards"),
        pytest.param("bytes=20-15", 10, None, id="14.1.1 backwards behind"),
        pytest.param("bytes=0-1,3-4", 10, None, id="14.2 several"),
        pytest.param("bytes=" + "0-," * 5000, 10, None, id="CVE-2011-3192 many"),
        pytest.param("bytes=-", 10, None, id="14.1.1 nothing"),
        pytest.param("bytes=", 10, None, id="14.1.1 empty set"),
        pytest.param("bytes=a-b", 10, None, id="14.1.1 no digits"),
        pytest.param("bytes=1 - 2", 10, None, id="14.1.1 inner space"),
        pytest.param("bytes=+1-2", 10, None, id="14.1.1 sign"),
        pytest.param("bytes=--1", 10, None, id="14.1.1 minus"),
        pytest.param("bytes=0x1-2", 10, None, id="14.1.1 hexadecimal"),
        pytest.param("bytes=" + "9" * 5000 + "-", 10, None, id="14.1.1 too long"),
        pytest.param("lines=1-2", 10, None, id="14.2 other unit"),
        pytest.param("0-1", 10, None, id="14.2 no unit"),
        pytest.param("", 10, None, id="14.2 empty"),
    ],
)
def test_range(
    field: str, size: int, expected: ByteRange | Unsatisfiable | None
) -> None:
    assert parse_range(field, size) == expected


@given(st.text("bytes=0123456789-, ", max_size=20), st.integers(0, 10**9))
def test_ranges_lie_within_the_content(tail: str, size: int) -> None:
    found = parse_range("bytes=" + tail, size)

    if isinstance(found, ByteRange):
        assert 0 <= found.first <= found.last < size
        assert 0 < found.length <= size
    else:
        assert found in (None, UNSATISFIABLE)


@pytest.mark.parametrize(
    ("if_range", "etag", "last_modified", "is_range"),
    [
        pytest.param(TAG, TAG, DATE, True, id="13.1.5 same tag"),
        pytest.param('"b"', TAG, DATE, False, id="13.1.5 other tag"),
        pytest.param('W/"a"', TAG, DATE, False, id="13.1.5 weak tag"),
        pytest.param('W/"a"', 'W/"a"', DATE, False, id="13.1.5 both weak"),
        pytest.param(TAG, None, DATE, False, id="13.1.5 no tag"),
        pytest.param(DATE, TAG, DATE, True, id="13.1.5 same date"),
        pytest.param("Sun Nov  6 08:49:37 1994", TAG, DATE, True, id="5.6.7 asctime"),
        pytest.param(AFTER, TAG, DATE, False, id="13.1.5 later is not same"),
        pytest.param(BEFORE, TAG, DATE, False, id="13.1.5 earlier"),
        pytest.param(DATE, TAG, None, False, id="13.1.5 no strong date"),
        pytest.param("soon", TAG, "soon", False, id="13.1.5 no date"),
        pytest.param("*", TAG, DATE, False, id="13.1.5 star"),
    ],
)
def test_if_range(
    if_range: str, etag: str | None, last_modified: str | None, is_range: bool
) -> None:
    fields = make_fields(range="bytes=0-1", if_range=if_range)

    found = select_range("GET", fields, 10, etag, last_modified)

    assert found == (ByteRange(0, 1) if is_range else None)


def test_range_without_condition() -> None:
    fields = make_fields(range="bytes=1-2")

    assert select_range("GET", fields, 10, None, None) == ByteRange(1, 2)
    assert select_range("GET", fields, 1, None, None) is UNSATISFIABLE
    assert select_range("GET", {}, 10, TAG, DATE) is None


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_ranges_are_for_get_only(method: str) -> None:
    assert select_range(method, make_fields(range="bytes=0-1"), 10, TAG, DATE) is None


def test_etag_changes_with_each_part() -> None:
    tags = {make_etag(1, 2, 3), make_etag(2, 2, 3), make_etag(1, 3, 3)}
    tags |= {make_etag(1, 2, 4), make_etag(0x12, 3, 1), make_etag(2, 0x31, 1)}

    assert len(tags) == 6
    assert all(tag[0] == tag[-1] == '"' for tag in tags)
