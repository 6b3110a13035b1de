"""Parsers and what strangers may send: no error but our own, nothing that splits."""

import os
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.password_file import parse_passwords
from httpout_cgi.password_hashes import is_password
from httpout_cgi.protocol.addresses import AddressSet
from httpout_cgi.protocol.basic_auth import read_credentials
from httpout_cgi.protocol.chunked import ChunkedDecoder
from httpout_cgi.protocol.conditional import evaluate, parse_date
from httpout_cgi.protocol.forwarded import resolve_request
from httpout_cgi.protocol.forwarded_field import find_address, parse_forwarded
from httpout_cgi.protocol.metavariables import (
    Server,
    build_metavariables,
    redirect_variables,
    server_name,
)
from httpout_cgi.protocol.negotiation import choose_coding
from httpout_cgi.protocol.ranges import parse_ranges, select_ranges
from httpout_cgi.protocol.request_head import HeadParser
from httpout_cgi.protocol.search_words import search_words
from httpout_cgi.protocol.url_path import parse_target
from httpout_cgi.protocol.websocket_frames import CloseReceived, Frames
from httpout_cgi.scripts import Mount, Script

ENDPOINTS = Endpoints("http", "192.0.2.1", 5000, "127.0.0.1", 8000)
MOUNT = Mount("/", "/srv", pass_authorization=True)
TRUSTED = AddressSet(["192.0.2.0/24"])
NAMES = [
    *("host", "range", "if-range", "if-match", "if-none-match", "if-modified-since"),
    *("if-unmodified-since", "accept-encoding", "content-length", "transfer-encoding"),
    *("connection", "expect", "forwarded", "x-forwarded-for", "x-forwarded-proto"),
    *("x-forwarded-host", "x-forwarded-port", "proxy", "authorization", "content-type"),
    *("cookie", "x_a", "x-a"),
]
WORDS = [
    *("bytes=", "0-", "-5", "5-0", "9" * 30, ",", " ", "\t", ";", "=", '"', "W/", "*"),
    *("chunked", "gzip", "identity", "q=0", "q=1.5", "100-continue", "close", "for="),
    *("Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "127.0.0.1", "::1"),
    *("[::1]:80", "a@b", "example.org:", "/..", "%2e", "%00", "%", "\\", "\xff", "é"),
    *(
        "\r",
        "\n",
        "\0",
        "\x0b",
        "_",
        "+",
        "?",
        "#",
        "//",
        "Basic YTpi",
        "unix",
        "6\ud7ff",
    ),
]


def is_latin(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


WIRE_WORDS = [word for word in WORDS if is_latin(word)]
# What a field can hold when its line has been read.
VALUES = st.lists(
    st.sampled_from([word for word in WIRE_WORDS if not set(word) & set("\r\n\0")]),
    max_size=8,
).map("".join)
FIELDS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(VALUES, min_size=1, max_size=2)
)
LINES = st.lists(
    st.one_of(
        st.sampled_from(WIRE_WORDS),
        st.sampled_from(["GET /", " HTTP/1.1", " HTTP/1.0", "\r\n", ": "]),
        st.sampled_from([f"\r\n{name}: " for name in NAMES]),
        st.text(st.characters(max_codepoint=255), max_size=3),
    ),
    max_size=20,
).map("".join)


def check_variables(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        assert name
        assert not set(name) & set("\r\n\0=")
        assert "\0" not in value
        assert not (name.startswith("HTTP_") and set(value) & set("\r\n"))
        os.fsencode(value)
    assert "HTTP_PROXY" not in variables


PAIRS = [
    *("for=", "=", ";", ",", " ", "\t", '"', "\\", "192.0.2.9", "[", "]", "::1", ":80"),
    *("unknown", "_hidden", "proto=https", "host=a", "by=x", "%", "\xff"),
]


@given(st.lists(st.lists(st.sampled_from(PAIRS), max_size=12).map("".join)))
def test_forwarded_fields(values: list[str]) -> None:
    hops = parse_forwarded(values)
    assert hops is None or all(hops)
    for hop in hops or ():
        find_address(hop)
    resolved = resolve_request(make_request({"forwarded": values}), TRUSTED)
    ip_address(resolved.endpoints.peer_address)
    assert resolved.endpoints.scheme in ("http", "https")


@given(
    st.one_of(
        st.binary(max_size=40).map(lambda raw: b64encode(raw).decode()),
        st.text(st.characters(max_codepoint=255), max_size=40),
    ),
    st.sampled_from(["Basic ", "basic  ", "Bearer ", ""]),
)
def test_credentials(sent: str, scheme: str) -> None:
    found = read_credentials({"authorization": [scheme + sent]})
    if found is not None:
        assert found.user
        assert not any(octet < 32 or octet == 127 for octet in b"".join(found))


@given(
    st.lists(
        st.sampled_from(
            [
                *(b"a:", b":", b"\n", b"#", b" ", b"\r", b"\xff", b"\0", b"B" * 13),
                *(b"{SHA}", b"A" * 27 + b"=", b"$2y$05$", b"." * 53, b"$apr1$a$"),
                *(b"." * 22, b"$5$a$", b"." * 43, b"$6$rounds=1000$a$", b"." * 86),
            ]
        ),
        max_size=20,
    ).map(b"".join)
)
def test_files_of_users(data: bytes) -> None:
    passwords = parse_passwords(data)
    assert len(passwords.hashes) == len(passwords.any_hashes)
    assert all(user and b":" not in user for user in passwords.hashes)
    # What the library cannot take must have been kept away from it.
    for hash_ in passwords.any_hashes:
        if not hash_.startswith("$2"):
            is_password(b"x", hash_)


def make_request(fields: Mapping[str, list[str]], target: str = "/") -> Request:
    return Request("GET", target, "HTTP/1.1", fields, ENDPOINTS)


@given(LINES, st.sampled_from(["", "\r\nHost: a"]))
def test_heads(text: str, host: str) -> None:
    head = f"GET /{text} HTTP/1.1{host}" if host else text
    try:
        parsed = HeadParser().parse(head.encode("latin-1"))
    except HTTPError as refusal:
        assert 400 <= refusal.status <= 505  # noqa: PT017 - both ways are right
        return
    shown = [parsed.method, parsed.target, *parsed.fields]
    shown += [value for values in parsed.fields.values() for value in values]
    assert not any(set(each) & set("\r\n\0") for each in shown)
    assert parsed.content_length is None or not parsed.chunked


@given(st.lists(st.sampled_from(WIRE_WORDS), max_size=8).map("".join))
def test_targets(text: str) -> None:
    try:
        target = parse_target(f"/{text}")
    except HTTPError as refusal:
        assert refusal.status in (400, 404)  # noqa: PT017 - both ways are right
        return
    assert "\0" not in target.path + target.query
    assert not set(target.path + target.query) & set("\r\n")
    assert ".." not in target.path.split("/")
    assert all(isinstance(word, str) for word in search_words("GET", target.query))


@given(FIELDS, st.integers(0, 10**12))
def test_conditions_and_ranges(fields: dict[str, list[str]], size: int) -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert evaluate("GET", fields, '"a"', date) in (None, 304, 412)
    select_ranges("GET", fields, size, '"a"', date)
    for values in fields.values():
        for value in values:
            parse_date(value)
            parse_ranges(value, size)
            assert choose_coding(value, {"identity": 2, "gzip": 1}) in (
                "identity",
                "gzip",
            )


@given(FIELDS)
def test_variables(fields: dict[str, list[str]]) -> None:
    script = Script("/srv/a", os.stat("/"), "/a", "/é\n", "/srv/é", "/srv", MOUNT, "x")
    request = resolve_request(make_request(fields), TRUSTED)
    host = fields.get("host", [None])[0]
    try:
        server = Server(server_name(host, "localhost"), "x")
        variables = build_metavariables(request, script, server, "id")
    except HTTPError as refusal:
        assert refusal.status == 400  # noqa: PT017 - both ways are right
        return
    check_variables(variables)
    check_variables(redirect_variables(request, "/a", 404, variables))


@given(st.lists(st.sampled_from([b"3", b"\r\n", b"abc", b"0", b";", b"f" * 20, b"\n"])))
def test_chunks(pieces: list[bytes]) -> None:
    decoder = ChunkedDecoder()
    size = 0
    try:
        for piece in pieces:
            size += len(decoder.feed(decoder.rest + piece))
    except HTTPError as refusal:
        assert refusal.status == 400  # noqa: PT017 - both ways are right
    assert size <= sum(map(len, pieces))


def make_message(parts: list[bytes]) -> bytes:
    """Return a binary message in so many frames; their mask changes nothing."""
    heads = [2, *[0] * (len(parts) - 1)]
    heads[-1] |= 0x80
    pairs = zip(heads, parts, strict=True)
    return b"".join(bytes([h, 0x80 | len(p), *bytes(4)]) + p for h, p in pairs)


# Whole frames, parts of them, and what is not for clients to send.
FRAMES = [
    *(bytes([first, 0x80, *bytes(4)]) for first in (0, 0x80, 1, 0x81, 0x89, 0x8A)),
    *(b"\x81\x82\0\0\0\0\xc3\xa9", b"\x01\x81\0\0\0\0\xc3", b"\x88\x80\0\0\0\0"),
    *(b"\x88\x82\0\0\0\0\x03\xe8", b"\x88\x81\0\0\0\0\x03", b"\x82\xfe\0\x80"),
    *(b"\x82\xff" + b"\x7f" * 8, b"\xc1\x80", b"\x81\x05hello", b"\x83", b"x" * 99),
]


@given(
    st.lists(
        st.lists(st.binary(max_size=4), min_size=1, max_size=3).map(make_message)
        | st.sampled_from(FRAMES)
        | st.binary(max_size=9)
    )
)
def test_frames(pieces: list[bytes]) -> None:
    frames = Frames(longest=5)
    for piece in pieces:
        frames.feed(piece)
        for event in frames.read():
            if isinstance(event, (str, bytes)):
                assert len(event) <= 5
            if isinstance(event, CloseReceived):
                # What the client gets for it is a frame that it can read.
                answer = frames.encode_close(event.code, event.reason)
                assert answer[:1] in (b"\x88", b"")
                assert len(answer) <= 127
                return
