"""SCGI framing (https://python.ca/scgi/protocol.txt), both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpout_cgi.protocol.scgi import (
    HEAD_LIMIT,
    Head,
    SCGIError,
    encode_head,
    parse_head,
)

# The example of the protocol's description.
EXAMPLE = (
    b"70:CONTENT_LENGTH\x0027\x00SCGI\x001\x00REQUEST_METHOD\x00POST\x00"
    b"REQUEST_URI\x00/deepthought\x00,"
)
VARIABLES = {
    "CONTENT_LENGTH": "27",
    "REQUEST_METHOD": "POST",
    "REQUEST_URI": "/deepthought",
}


def frame(body: bytes) -> bytes:
    return b"%d:%s," % (len(body), body)


def test_the_example_of_the_specification_is_what_we_write() -> None:
    assert encode_head(VARIABLES) == EXAMPLE


def test_the_example_of_the_specification_is_read_and_its_content_left() -> None:
    assert parse_head(EXAMPLE + b"What is the answer to life?") == Head(
        VARIABLES, 27, len(EXAMPLE)
    )


@pytest.mark.parametrize("length", range(len(EXAMPLE)))
def test_a_part_of_a_head_needs_more(length: int) -> None:
    assert parse_head(EXAMPLE[:length]) is None


def test_without_a_content_length_there_is_no_content() -> None:
    assert encode_head({"A": "b"}) == frame(b"CONTENT_LENGTH\0000\0SCGI\0001\0A\0b\0")


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"A\0SCRIPT_FILENAME": "/etc"}, id="NUL in a name"),
        pytest.param({"A": "b\0SCRIPT_FILENAME\0/etc"}, id="NUL in a value"),
        pytest.param({"": "b"}, id="empty name"),
    ],
)
def test_what_would_smuggle_variables_is_not_written(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be sent as SCGI"):
        encode_head(variables)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n", "no length", id="HTTP"),
        pytest.param(b":,", "no length", id="no digits"),
        pytest.param(b"-1:,", "no length", id="sign"),
        pytest.param(b" 1:,", "no length", id="blank"),
        pytest.param(b"01:a,", "no length", id="leading zero"),
        pytest.param(b"12345678", "too many digits", id="endless digits"),
        pytest.param(b"9999999:", "too large", id="too large"),
        pytest.param(b"%d:" % (HEAD_LIMIT + 1), "too large", id="one too large"),
        pytest.param(b"1:a;", "no comma", id="no comma"),
        pytest.param(b"0:,", "SCGI=1 is missing", id="empty"),
        pytest.param(frame(b"A\0b"), "no end", id="value without its end"),
        pytest.param(frame(b"A\0b\0C\0"), "no end", id="name without a value"),
        pytest.param(frame(b"\0b\0"), "a name is empty", id="empty name"),
        pytest.param(
            frame(b"CONTENT_LENGTH\0000\0SCGI\0001\0A\0b\0A\0c\0"),
            "A is there twice",
            id="twice",
        ),
        pytest.param(frame(b"CONTENT_LENGTH\0000\0"), "SCGI=1", id="no SCGI"),
        pytest.param(frame(b"SCGI\0002\0"), "SCGI=1", id="another SCGI"),
        pytest.param(frame(b"SCGI\0001\0"), "CONTENT_LENGTH", id="no length"),
        pytest.param(
            frame(b"CONTENT_LENGTH\0+1\0SCGI\0001\0"), "CONTENT_LENGTH", id="+1"
        ),
        pytest.param(
            frame(b"CONTENT_LENGTH\0\xd9\xa1\0SCGI\0001\0"), "no number", id="Arabic 1"
        ),
        pytest.param(
            frame(b"CONTENT_LENGTH\0%s\0SCGI\0001\0" % (b"9" * 19)),
            "no number",
            id="beyond all files",
        ),
    ],
)
def test_what_is_no_request_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(SCGIError, match=reason):
        parse_head(data)


def test_fields_that_come_one_by_one_are_one_variable() -> None:
    pairs = b"HTTP_A\0001\0HTTP_COOKIE\0a=b\0HTTP_A\0002\0HTTP_COOKIE\0c=d\0"
    head = parse_head(frame(b"CONTENT_LENGTH\0000\0SCGI\0001\0" + pairs))
    assert head is not None
    assert head.variables["HTTP_A"] == "1, 2"
    assert head.variables["HTTP_COOKIE"] == "a=b; c=d"


NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: name not in ("SCGI", "CONTENT_LENGTH"))
VALUES = st.binary().map(lambda value: value.replace(b"\0", b""))


@given(st.dictionaries(NAMES, VALUES), st.integers(0, 10**17), st.binary())
def test_what_is_written_is_read_again(
    values: dict[str, bytes], length: int, content: bytes
) -> None:
    variables = {"CONTENT_LENGTH": str(length)}
    variables |= {k: v.decode("utf-8", "surrogateescape") for k, v in values.items()}
    head = encode_head(variables)
    assert parse_head(head + content) == Head(variables, length, len(head))


@given(st.binary())
def test_bytes_of_a_stranger_raise_nothing_else(data: bytes) -> None:
    try:
        head = parse_head(data)
    except SCGIError:
        return
    assert head is None or head.size <= len(data)
