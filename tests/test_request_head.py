"""The head of a request is read strictly: what could be read in two ways is refused."""

from http import HTTPStatus

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.request_head import HeadParser, RequestHead


def parse(*lines: str, parser: HeadParser | None = None) -> RequestHead:
    return (parser or HeadParser()).parse("\r\n".join(lines).encode("latin-1"))


def test_a_head_is_taken_apart() -> None:
    head = parse("GET /a?b HTTP/1.1", "Host: example.org", "X-Two:\t1 ", "x-two: 2")
    assert (head.method, head.target, head.version) == ("GET", "/a?b", "HTTP/1.1")
    assert head.fields == {"host": ["example.org"], "x-two": ["1", "2"]}
    assert (head.content_length, head.chunked) == (None, False)
    assert head.keep_alive
    assert not head.expects_continue


def test_bytes_that_are_not_ascii_survive() -> None:
    head = parse("GET /caf\xe9 HTTP/1.1", "Host: x", "X-Name: \xa0\xff\tz")
    assert head.target == "/caf\xe9"
    assert head.fields["x-name"] == ["\xa0\xff\tz"]


def test_an_empty_value_is_a_value() -> None:
    assert parse("GET / HTTP/1.1", "Host: x", "A:").fields["a"] == [""]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param(["GET  / HTTP/1.1", "Host: x"], 400, id="two blanks"),
        pytest.param(["GET / HTTP/1.1 ", "Host: x"], 400, id="blank at the end"),
        pytest.param(["GET /a b HTTP/1.1", "Host: x"], 400, id="blank in the target"),
        pytest.param(["GET /\x00 HTTP/1.1", "Host: x"], 400, id="NUL in the target"),
        pytest.param(["G(T / HTTP/1.1", "Host: x"], 400, id="method is no token"),
        pytest.param(["GET /"], 400, id="HTTP/0.9"),
        pytest.param([""], 400, id="empty"),
        pytest.param(["GET / HTTP/1.10", "Host: x"], 400, id="version of three digits"),
        pytest.param(["GET / http/1.1", "Host: x"], 400, id="lower-case HTTP"),
        pytest.param(["GET / HTTP/2.0", "Host: x"], 505, id="HTTP/2.0"),
        pytest.param(["GET / HTTP/0.9", "Host: x"], 505, id="HTTP/0.9 spelled"),
        pytest.param(["GET / HTTP/1.1"], 400, id="no Host"),
        pytest.param(["GET / HTTP/1.1", "Host: a", "Host: a"], 400, id="two Hosts"),
        pytest.param(["GET / HTTP/1.1", "Host : x"], 400, id="blank before the colon"),
        pytest.param(["GET / HTTP/1.1", "Host: x", " folded"], 400, id="folded line"),
        pytest.param(["GET / HTTP/1.1", "Host: x", "A"], 400, id="no colon"),
        pytest.param(["GET / HTTP/1.1", "Host: x", ": a"], 400, id="no name"),
        pytest.param(["GET / HTTP/1.1", "Host: x", "A: b\nC: d"], 400, id="bare LF"),
        pytest.param(["GET / HTTP/1.1", "Host: x", "A: b\rC: d"], 400, id="bare CR"),
        pytest.param(["GET / HTTP/1.1", "Host: x", "A: \x00"], 400, id="NUL"),
        pytest.param(
            ["GET / HTTP/1.1", "Host: x"] + ["A: b"] * 100, 431, id="101 fields"
        ),
        pytest.param(
            ["GET / HTTP/1.1", "Host: x", "Expect: a"], 417, id="other expectation"
        ),
    ],
)
def test_malformed_heads_are_refused(lines: list[str], status: int) -> None:
    with pytest.raises(HTTPError) as refused:
        parse(*lines)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param(["Content-Length: +5"], 400, id="sign"),
        pytest.param(["Content-Length: 5, 5"], 400, id="list"),
        pytest.param(["Content-Length: 5", "Content-Length: 5"], 400, id="twice"),
        pytest.param(["Content-Length: 0x5"], 400, id="hexadecimal"),
        pytest.param(["Content-Length: 5 5"], 400, id="blank"),
        pytest.param(["Content-Length:"], 400, id="empty"),
        pytest.param(["Content-Length: -1"], 400, id="negative"),
        pytest.param(["Content-Length: \xb2"], 400, id="digit that is not ASCII"),
        pytest.param(["Content-Length: " + "9" * 19], 400, id="endless number"),
        pytest.param(
            ["Content-Length: 5", "Transfer-Encoding: chunked"], 400, id="both"
        ),
        pytest.param(["Transfer-Encoding: gzip, chunked"], 501, id="other coding"),
        pytest.param(["Transfer-Encoding: chunked, chunked"], 400, id="chunked twice"),
        pytest.param(["Transfer-Encoding: xchunked"], 400, id="unknown coding"),
        pytest.param(["Transfer-Encoding: chunked\x0b"], 400, id="vertical tab"),
        pytest.param(
            ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
            400,
            id="two fields",
        ),
        pytest.param(["Transfer-Encoding: identity, chunked"], 400, id="old coding"),
        pytest.param(
            ["Transfer-Encoding: gzip", "Transfer-Encoding: Chunked"],
            501,
            id="other coding in two fields",
        ),
    ],
)
def test_ambiguous_framing_is_refused(fields: list[str], status: int) -> None:
    with pytest.raises(HTTPError) as refused:
        parse("POST / HTTP/1.1", "Host: x", *fields)
    assert refused.value.status == status


def test_chunked_is_refused_in_http_1_0() -> None:
    with pytest.raises(HTTPError) as refused:
        parse("POST / HTTP/1.0", "Transfer-Encoding: chunked")
    assert refused.value.status is HTTPStatus.BAD_REQUEST


def test_framing_is_read() -> None:
    assert parse("POST / HTTP/1.0", "Content-Length: 007").content_length == 7
    assert parse("POST / HTTP/1.1", "Host: x", "Transfer-Encoding: Chunked").chunked


@pytest.mark.parametrize(
    ("version", "fields", "kept"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: close"], False),
        ("1.1", ["Connection: te, CLOSE"], False),
        ("1.1", ["Connection: te", "Connection: close"], False),
        ("1.0", [], False),
        ("1.0", ["Connection: Keep-Alive"], True),
        ("1.0", ["Connection: keep-alive, close"], False),
        ("1.2", [], True),
    ],
)
def test_persistence_of_the_connection(
    version: str, fields: list[str], kept: bool
) -> None:
    assert parse(f"GET / HTTP/{version}", "Host: x", *fields).keep_alive is kept


def test_only_a_client_of_http_1_1_can_expect_a_100() -> None:
    expectation = "Expect: 100-Continue"
    assert parse("PUT / HTTP/1.1", "Host: x", expectation).expects_continue
    assert not parse("PUT / HTTP/1.0", expectation).expects_continue


def test_invented_names_do_not_make_the_cache_grow_for_ever() -> None:
    from httpout_cgi.protocol import request_head

    for number in range(2000):
        parse("GET / HTTP/1.1", "Host: x", f"X-Invented-{number}: 1")
    assert len(request_head._NAMES) <= request_head._NAMES_LIMIT


def test_fields_that_are_sent_again_are_the_same_object() -> None:
    parser = HeadParser()
    first = parse("GET /a HTTP/1.1", "Host: x", "A: b", parser=parser)
    second = parse("POST /b HTTP/1.1", "Host: x", "A: b", parser=parser)
    assert (second.method, second.target) == ("POST", "/b")
    assert second.fields is first.fields


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(["Host: x", "A: c"], id="another value"),
        pytest.param(["Host: x", "A: b", "A: b"], id="one more"),
        pytest.param(["Host: x"], id="one less"),
        pytest.param(["Host: x", "Content-Length: 5"], id="with content"),
    ],
)
def test_fields_that_have_changed_are_read_again(fields: list[str]) -> None:
    parser = HeadParser()
    parse("GET / HTTP/1.1", "Host: x", "A: b", parser=parser)
    second = parse("GET / HTTP/1.1", *fields, parser=parser)
    assert second == parse("GET / HTTP/1.1", *fields)


def test_the_same_fields_of_another_version_are_read_again() -> None:
    # RFC 9112 section 9.3; a coding in HTTP/1.0 is smuggling (section 6.1).
    parser = HeadParser()
    fields = ["Host: x", "Transfer-Encoding: chunked"]
    assert parse("POST / HTTP/1.1", *fields, parser=parser).keep_alive
    with pytest.raises(HTTPError):
        parse("POST / HTTP/1.0", *fields, parser=parser)
    parse("GET / HTTP/1.1", "Host: x", parser=parser)
    assert not parse("GET / HTTP/1.0", "Host: x", parser=parser).keep_alive


def test_without_fields_nothing_is_the_same_again() -> None:
    parser = HeadParser()
    parse("GET / HTTP/1.0", parser=parser)
    with pytest.raises(HTTPError):
        parse("GET / HTTP/1.1", parser=parser)
    with pytest.raises(HTTPError):
        parse("GET / HTTP/1.0", "", parser=parser)


@pytest.mark.parametrize("line", ["GET /", "GET  / HTTP/1.1", "GET / HTTP/2.0"])
def test_a_malformed_line_is_refused_before_fields_that_are_known(line: str) -> None:
    parser = HeadParser()
    parse("GET / HTTP/1.1", "Host: x", parser=parser)
    with pytest.raises(HTTPError):
        parse(line, "Host: x", parser=parser)


def test_what_was_refused_is_refused_again() -> None:
    parser = HeadParser()
    for _ in range(2):
        with pytest.raises(HTTPError):
            parse("GET / HTTP/1.1", "Host: x", "Host: y", parser=parser)


def test_long_header_sections_are_not_kept() -> None:
    parser = HeadParser()
    lines = ["GET / HTTP/1.1", "Host: x", "A: " + "b" * 4096]
    first = parse(*lines, parser=parser)
    second = parse(*lines, parser=parser)
    assert second.fields == first.fields
    assert second.fields is not first.fields
