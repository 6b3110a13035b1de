import os

import pytest

from httpout_cgi.protocol.search_words import search_words


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("foo", ("foo",), id="one word"),
        pytest.param("foo+bar%21", ("foo", "bar\\!"), id="two words, escaped"),
        pytest.param("a%2Bb+c%20d", ("a+b", "c d"), id="decoded behind the split"),
        pytest.param("a%3Db", ("a=b",), id="an encoded = does not count"),
        pytest.param("a++b+", ("a", "", "b", ""), id="empty words are kept"),
        pytest.param("-h", ("-h",), id="options are not our business"),
        pytest.param("%2541", ("%41",), id="decoded once"),
    ],
)
def test_indexed_query_becomes_words(query: str, words: tuple[str, ...]) -> None:
    assert search_words("GET", query) == words


@pytest.mark.parametrize("character", "&;`'\"|*?~<>^()[]{}$\\\n!")
def test_what_a_shell_acts_on_is_escaped(character: str) -> None:
    # RFC 3875 section 7.2.
    encoded = f"a%{ord(character):02x}b"
    assert search_words("GET", encoded) == (f"a\\{character}b",)


def test_other_characters_are_not_escaped() -> None:
    assert search_words("GET", "a-._~/:@,%23%20%25") == ("a-._\\~/:@,# %",)


def test_words_keep_bytes_that_are_no_text() -> None:
    assert search_words("GET", "caf%C3%A9+%ff+\xe9") == (
        "café",
        os.fsdecode(b"\xff"),
        os.fsdecode(b"\xe9"),
    )


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="empty"),
        pytest.param("a=b", id="form"),
        pytest.param("a+b=", id="form further on"),
        pytest.param("a+%00", id="NUL cannot be represented"),
        pytest.param("a+%zz", id="broken escape"),
        pytest.param("a+%4", id="cut escape"),
    ],
)
def test_query_without_search_words(query: str) -> None:
    assert search_words("GET", query) == ()


@pytest.mark.parametrize(
    ("method", "words"), [("GET", ("a",)), ("HEAD", ("a",)), ("POST", ()), ("get", ())]
)
def test_only_get_and_head_have_search_words(
    method: str, words: tuple[str, ...]
) -> None:
    assert search_words(method, "a") == words
