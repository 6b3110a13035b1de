"""Preconditions."""

import pytest

from httpout_cgi.protocol.conditional import (
    evaluate,
    format_date,
    make_etag,
    parse_date,
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


def test_etag_changes_with_each_part() -> None:
    tags = {make_etag(1, 2, 3), make_etag(2, 2, 3), make_etag(1, 3, 3)}
    tags |= {make_etag(1, 2, 4), make_etag(0x12, 3, 1), make_etag(2, 0x31, 1)}

    assert len(tags) == 6
    assert all(tag[0] == tag[-1] == '"' for tag in tags)
