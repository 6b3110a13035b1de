"""Ranges, and what stands around several of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpout_cgi.protocol.ranges import (
    UNSATISFIABLE,
    ByteRange,
    Ranges,
    Unsatisfiable,
    format_content_range,
    frame_multipart,
    parse_ranges,
    select_ranges,
)

TAG = '"a"'
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"


def make_fields(**values: str) -> dict[str, list[str]]:
    return {name.replace("_", "-"): [value] for name, value in values.items()}


def list_ranges(found: Ranges) -> list[tuple[int, int]] | Unsatisfiable | None:
    if found is None or isinstance(found, Unsatisfiable):
        return found
    return [(one.first, one.last) for one in found]


@pytest.mark.parametrize(
    ("field", "size", "expected"),
    [
        pytest.param("bytes=0-499", 10000, [(0, 499)], id="14.1.2 first"),
        pytest.param("bytes=500-999", 10000, [(500, 999)], id="14.1.2 second"),
        pytest.param("bytes=-500", 10000, [(9500, 9999)], id="14.1.2 suffix"),
        pytest.param("bytes=9500-", 10000, [(9500, 9999)], id="14.1.2 open"),
        pytest.param("bytes=0-0", 10000, [(0, 0)], id="14.1.2 one"),
        pytest.param("bytes=0-", 1, [(0, 0)], id="14.1.2 all"),
        pytest.param("bytes=5-99999", 10, [(5, 9)], id="14.1.2 clamped"),
        pytest.param("bytes=-99", 10, [(0, 9)], id="14.1.2 suffix clamped"),
        pytest.param("Bytes=1-2", 10, [(1, 2)], id="14.1 any case"),
        pytest.param(" bytes= 1-2\t", 10, [(1, 2)], id="5.6.1 white space"),
        pytest.param("bytes=10-", 10, UNSATISFIABLE, id="14.1.2 behind the end"),
        pytest.param("bytes=10-20", 10, UNSATISFIABLE, id="14.1.2 far behind"),
        pytest.param("bytes=-0", 10, UNSATISFIABLE, id="14.1.2 last nothing"),
        pytest.param("bytes=0-", 0, UNSATISFIABLE, id="14.1.2 empty open"),
        pytest.param("bytes=0-0", 0, UNSATISFIABLE, id="14.1.2 empty"),
        pytest.param("bytes=-5", 0, None, id="14.1.2 empty suffix"),
        pytest.param("bytes=5-4", 10, None, id="14.1.1 backwards"),
        pytest.param("bytes=20-15", 10, None, id="14.1.1 backwards behind"),
        pytest.param("bytes=0-1,3-4", 10, [(0, 1), (3, 4)], id="14.1.2 several"),
        pytest.param("bytes=0-1 ,\t3-4", 10, [(0, 1), (3, 4)], id="5.6.1.1 blanks"),
        pytest.param("bytes=,0-1,,3-4,", 10, [(0, 1), (3, 4)], id="5.6.1.2 empty"),
        pytest.param("bytes=-1,0-0", 10, [(9, 9), (0, 0)], id="15.3.7.2 own order"),
        pytest.param("bytes=0-1,50-", 10, [(0, 1)], id="14.1.2 one is there"),
        pytest.param("bytes=50-,-0", 10, UNSATISFIABLE, id="14.1.2 none is there"),
        pytest.param("bytes=0-1,x", 10, None, id="14.1.1 one is malformed"),
        pytest.param("bytes=0-1,5-4", 10, None, id="14.1.1 one is backwards"),
        pytest.param("bytes=50-,-5", 0, None, id="14.1.2 several of nothing"),
        pytest.param("bytes=,", 10, None, id="14.1.1 empty list"),
        pytest.param("bytes=0-5,3-8", 10, [(0, 8)], id="15.3.7.2 overlapping"),
        pytest.param("bytes=3-4,0-2", 10, [(0, 4)], id="15.3.7.2 touching"),
        pytest.param("bytes=0-9,2-3,7-", 10, [(0, 9)], id="15.3.7.2 nested"),
        pytest.param("bytes=7-,0-1,0-2", 10, [(0, 2), (7, 9)], id="15.3.7.2 joined"),
        pytest.param("bytes=" + "0-," * 199, 10, [(0, 9)], id="14.2 still taken"),
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
def test_ranges(
    field: str, size: int, expected: list[tuple[int, int]] | Unsatisfiable | None
) -> None:
    assert list_ranges(parse_ranges(field, size)) == expected


@given(st.text("bytes=0123456789-, ", max_size=40), st.integers(0, 10**9))
def test_ranges_lie_within_the_content(tail: str, size: int) -> None:
    found = parse_ranges("bytes=" + tail, size)

    if not isinstance(found, tuple):
        assert found in (None, UNSATISFIABLE)
        return
    assert found
    assert all(0 <= one.first <= one.last < size for one in found)
    assert sum(one.length for one in found) <= size


def test_overlapping_ranges_never_ask_for_more_than_there_is() -> None:
    # The one of CVE-2011-3192 and CVE-2025-62727, as long as we look at it at all.
    field = "bytes=0-," + ",".join(f"5-{last}" for last in range(5, 203))

    assert list_ranges(parse_ranges(field, 10**9)) == [(0, 10**9 - 1)]
    assert parse_ranges(field + ",5-9,5-9", 10**9) is None


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

    found = select_ranges("GET", fields, 10, etag, last_modified)

    assert list_ranges(found) == ([(0, 1)] if is_range else None)


def test_range_without_condition() -> None:
    fields = make_fields(range="bytes=1-2")

    assert select_ranges("GET", fields, 10, None, None) == (ByteRange(1, 2),)
    assert select_ranges("GET", fields, 1, None, None) is UNSATISFIABLE
    assert select_ranges("GET", {}, 10, TAG, DATE) is None


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_ranges_are_for_get_only(method: str) -> None:
    assert select_ranges(method, make_fields(range="bytes=0-1"), 10, TAG, DATE) is None


def test_parts_are_framed() -> None:
    ranges = [ByteRange(0, 1), ByteRange(98, 99)]

    framed = frame_multipart(ranges, 100, "text/plain", "b0")

    assert framed.content_type == "multipart/byteranges; boundary=b0"
    head = b"\r\n--b0\r\nContent-Type: text/plain\r\nContent-Range: bytes "
    assert framed.heads == (head + b"0-1/100\r\n\r\n", head + b"98-99/100\r\n\r\n")
    assert framed.tail == b"\r\n--b0--\r\n"
    assert framed.length == sum(map(len, framed.heads)) + 4 + len(framed.tail)


def test_content_range() -> None:
    assert format_content_range(ByteRange(0, 0), 1) == "bytes 0-0/1"
