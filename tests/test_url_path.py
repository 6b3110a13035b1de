"""Request targets, as data: tests/cases/paths."""

from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.url_path import Target, parse_target

CASES = Path(__file__).parent / "cases" / "paths"


def unescape(text: str) -> str:
    # Only "\xNN" and "\uNNNN": a backslash by itself is a case of its own.
    for kind, size in (("\\x", 2), ("\\u", 4)):
        head, *tails = text.split(kind)
        text = head + "".join(chr(int(t[:size], 16)) + t[size:] for t in tails)
    return text


def read_cases(name: str) -> list[tuple[str, ...]]:
    lines = (CASES / name).read_text(encoding="ascii").splitlines()
    return [
        tuple(unescape(column) for column in line.split("\t"))
        for line in lines
        if not line.startswith("#")
    ]


@pytest.mark.parametrize(("target", "path", "query"), read_cases("good.txt"))
def test_target_becomes_path_and_query(target: str, path: str, query: str) -> None:
    parsed = parse_target(target)

    assert (parsed.path, parsed.query) == (path, query)


@pytest.mark.parametrize(("target", "status"), read_cases("refused.txt"))
def test_target_is_refused(target: str, status: str) -> None:
    with pytest.raises(HTTPError) as refusal:
        parse_target(target)

    assert refusal.value.status == HTTPStatus(int(status))


def test_empty_target_is_refused() -> None:
    with pytest.raises(HTTPError) as refusal:
        parse_target("")

    assert refusal.value.status == HTTPStatus.BAD_REQUEST


def test_raw_path_is_what_was_sent() -> None:
    assert parse_target("/a/%2e/b%20c/?d") == Target("/a/b c/", "d", "/a/%2e/b%20c/")


def test_plain_target_has_no_authority() -> None:
    assert parse_target("/a?b") == Target("/a", "b", "/a", None)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://Example.org:8000/a", Target("/a", "", "/a", "Example.org:8000")),
        ("http://[::1]:80?b", Target("/", "b", "/", "[::1]:80")),
    ],
)
def test_absolute_target_has_an_authority(target: str, expected: Target) -> None:
    assert parse_target(target) == expected


pieces = st.sampled_from(
    ["/", ".", "..", "%2e", "%2E%2e", "//", "a", "b.py", "%20", "%C3", "é", ";", "?"]
)


@given(st.lists(pieces, max_size=12))
def test_paths_have_neither_dot_nor_empty_segments(parts: list[str]) -> None:
    try:
        path = parse_target("/" + "".join(parts)).path
    except HTTPError as refusal:
        assert refusal.reason == "dot segments leave the root"  # noqa: PT017 - both ways are right
        return

    segments = path.split("/")[1:]
    assert path.startswith("/")
    assert not {".", ".."} & set(segments)
    assert "" not in segments[:-1]


@given(st.text(st.characters(max_codepoint=255), max_size=20))
def test_any_text_is_parsed_or_refused(target: str) -> None:
    try:
        parsed = parse_target(target)
    except HTTPError as refusal:
        assert refusal.status in (400, 404)  # noqa: PT017 - both ways are right
    else:
        assert "\0" not in parsed.path


@pytest.mark.parametrize("length", [1, 127, 128, 129, 5000])
def test_a_target_means_the_same_when_it_is_asked_for_again(length: int) -> None:
    target = "/" + "a" * length + "?b"
    for _ in range(2):
        assert parse_target(target) == Target("/" + "a" * length, "b", target[:-2])


def test_a_malformed_target_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(HTTPError):
            parse_target("/a/../../b")
