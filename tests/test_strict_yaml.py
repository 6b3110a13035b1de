"""Strict YAML: YAML 1.1's traps are not ours, and every value has a line."""

from pathlib import Path

import pytest

from httpout_cgi.strict_yaml import Text, find, format_path, parse, to_plain

FILE = Path("config.yaml")


def read(text: str) -> object:
    node, problems = parse(text, FILE)
    assert problems == []
    assert node is not None
    return to_plain(node)


def complain(text: str) -> list[str]:
    return [str(problem) for problem in parse(text, FILE)[1]]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("on", "on", id="on is a word"),
        pytest.param("off", "off", id="off is a word"),
        pytest.param("yes", "yes", id="yes is a word"),
        pytest.param("No", "No", id="no is a word"),
        pytest.param("True", "True", id="capitals are words"),
        pytest.param("true", True, id="true"),
        pytest.param("false", False, id="false"),
        pytest.param("022", "022", id="octal"),
        pytest.param("0o22", "0o22", id="octal of YAML 1.2"),
        pytest.param("0x1F", "0x1F", id="hexadecimal"),
        pytest.param("10:00", "10:00", id="sexagesimal"),
        pytest.param("1_000", "1_000", id="underscores"),
        pytest.param("2024-02-29", "2024-02-29", id="date"),
        pytest.param("1.50", "1.50", id="fraction keeps its text"),
        pytest.param(".inf", ".inf", id="infinity"),
        pytest.param("+5", "+5", id="plus"),
        pytest.param("-0", "-0", id="minus zero"),
        pytest.param("0", 0, id="zero"),
        pytest.param("-20", -20, id="negative"),
        pytest.param("9" * 18, int("9" * 18), id="longest number"),
        pytest.param("9" * 5000, "9" * 5000, id="longer than int() takes"),
        pytest.param("~", None, id="tilde"),
        pytest.param("null", None, id="null"),
        pytest.param("", None, id="nothing"),
        pytest.param("=", "=", id="equals sign"),
        pytest.param("<<", "<<", id="merge as a value"),
        pytest.param('"true"', "true", id="quoted"),
        pytest.param("!!str 5", "5", id="core tag"),
        pytest.param("[127.0.0.1:80, a]", ["127.0.0.1:80", "a"], id="list"),
    ],
)
def test_scalars_mean_what_they_look_like(written: str, value: object) -> None:
    result = read(f"key: {written}")
    assert result == {"key": value}
    assert isinstance(result, dict)
    assert isinstance(result["key"], bool) == isinstance(value, bool)


def test_an_empty_document_is_none() -> None:
    assert read("# nothing\n") is None


def test_keys_are_text() -> None:
    assert read("404: a\ntrue: b\n~: c") == {"404": "a", "true": "b", "~": "c"}


def test_text_knows_its_file() -> None:
    result = read("[a]")
    assert isinstance(result, list)
    assert isinstance(result[0], Text)
    assert result[0].file == FILE


def test_anchors_and_merge_keys_work() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {z: 3}\nc: {<<: *a, x: 9}\nd: {<<: [*a, *b]}"
    result = read(text)
    assert isinstance(result, dict)
    assert result["c"] == {"x": 9, "y": 2}
    assert result["d"] == {"x": 1, "y": 2, "z": 3}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(
            "a: 1\nb:\n  c: 1\n  c: 2\na: 3",
            [
                "config.yaml:4: b.c: key given twice; the first is in line 3",
                "config.yaml:5: a: key given twice; the first is in line 1",
            ],
            id="all duplicate keys",
        ),
        pytest.param(
            '"a": 1\na: 2',
            ["config.yaml:2: a: key given twice; the first is in line 1"],
            id="duplicate in other quotes",
        ),
        pytest.param(
            "a:\n\tb: 1", ["config.yaml:2: a tab; indent with spaces"], id="tab"
        ),
        pytest.param(
            "a: [1\nb: 2",
            ["config.yaml:2: expected ',' or ']', but got ':'"],
            id="bracket",
        ),
        pytest.param(
            "a: 1\nb: \x01",
            ["config.yaml:2: the character U+0001 is not allowed"],
            id="control character",
        ),
        pytest.param(
            "a: 1\nb: *nobody",
            ["config.yaml:2: found undefined alias 'nobody'"],
            id="unknown alias",
        ),
        pytest.param(
            "--- 1\n--- 2",
            [
                "config.yaml:2: expected a single document in the stream, "
                "but found another document"
            ],
            id="two documents",
        ),
        pytest.param(
            "a: !!python/name:os [x]",
            [
                'config.yaml:1: a: tag "tag:yaml.org,2002:python/name:os" is not known;'
                " remove it"
            ],
            id="python tag on a list",
        ),
        pytest.param(
            "a: !secret x",
            ['config.yaml:1: a: tag "!secret" is not known; remove it'],
            id="tag on text",
        ),
        pytest.param(
            "a: !!set {x}",
            [
                'config.yaml:1: a: tag "tag:yaml.org,2002:set" is not known; remove it',
            ],
            id="tag on a map",
        ),
        pytest.param(
            "a: !!int 022",
            ['config.yaml:1: a: tag "tag:yaml.org,2002:int" is not known; remove it'],
            id="octal by force",
        ),
        pytest.param(
            "a: !!bool on",
            ['config.yaml:1: a: tag "tag:yaml.org,2002:bool" is not known; remove it'],
            id="on by force",
        ),
        pytest.param(
            "? [a]\n: b", ["config.yaml:1: a key must be text; quote it"], id="list key"
        ),
        pytest.param(
            "a: {<<: 5}",
            ['config.yaml:1: a: "<<" takes a map; such as *name'],
            id="merge of a number",
        ),
        pytest.param(
            BOMB,
            ["config.yaml:1: more than 20000 values; aliases repeat too much"],
            id="alias bomb",
        ),
        pytest.param(
            "&a [*a]",
            ["config.yaml:1: nested deeper than 32 levels"],
            id="endless list",
        ),
        pytest.param(
            "&a {<<: *a}",
            ["config.yaml:1: nested deeper than 32 levels"],
            id="endless merge",
        ),
        pytest.param(
            "[" * 900, ["config.yaml: nested too deeply"], id="endless brackets"
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, lines: list[str]) -> None:
    assert complain(text) == lines


def test_a_text_that_is_not_yaml_has_no_node() -> None:
    assert parse("a: [", FILE)[0] is None


def test_a_value_is_found_with_its_line() -> None:
    root, _ = parse("sites:\n- docroot:\n    x\n  index: [a,\n    b]\n", FILE)
    assert root is not None
    node, path = find(root, ("sites", 0, "docroot"))
    assert (node.place.line, path) == (2, ("sites", 0, "docroot"))
    node, path = find(root, ("sites", 0, "index", 1))
    assert (node.place.line, node.value) == (5, "b")


def test_what_is_missing_is_looked_for_as_far_as_it_goes() -> None:
    root, _ = parse("a:\n  - b", FILE)
    assert root is not None
    assert find(root, ("a", 0, "c"))[1] == ("a", 0)
    assert find(root, ("a", 7))[1] == ("a",)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param((), "", id="root"),
        pytest.param(("sites", 0, "scripts", 12, "url"), "sites[0].scripts[12].url"),
        pytest.param(("aliases", "/icons/"), 'aliases["/icons/"]', id="quoted"),
        pytest.param(("a\nb",), '["a\\nb"]', id="one line"),
    ],
)
def test_paths_are_written_as_people_do(path: tuple[str | int, ...], text: str) -> None:
    assert format_path(path) == text
