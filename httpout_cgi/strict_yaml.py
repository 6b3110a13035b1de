"""YAML without its traps, and with the line of every value.

A key given twice is an error; only true and false are booleans; 022, 10:00, 1.50 and
dates stay text.  Yields a tree of nodes.  Must not know what the keys mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

KeyPath: TypeAlias = tuple[str | int, ...]

# Aliases may repeat parts of a file, so a few lines can stand for billions of values
# ("billion laughs").  Nobody writes settings of this size by hand.
_MOST_NODES = 20_000
_MOST_LEVELS = 32
_TAG = "tag:yaml.org,2002:"
# Only what int() and str() carry both ways, so that no text is lost; 18 digits fit
# into 64 bits.
_NUMBER = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_KEY = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written; line 0 stands for the file as a whole."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else f"{self.file}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as one line: ``config.yaml:7: sites[0].docroot: …``."""

    place: Place
    path: KeyPath
    text: str

    def __str__(self) -> str:
        parts = [str(self.place), format_path(self.path), self.text]
        line = ": ".join(part for part in parts if part)
        # Text of the file may stand in here; a line break in it would forge a line.
        return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place: that of its key in a map, else where it begins."""

    value: dict[str, Node] | list[Node] | str | int | bool | None
    place: Place


class Text(str):
    """Text that knows the file it was written in: relative paths begin there."""

    def __new__(cls, value: str, file: Path) -> Text:
        """Make the text; ``file`` is kept beside it."""
        self = super().__new__(cls, value)
        self.file = file
        return self

    file: Path


def format_path(path: Sequence[str | int]) -> str:
    """Write a key path as people do: ``sites[0].aliases["/icons/"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not _PLAIN_KEY.fullmatch(part):
            text += f"[{json.dumps(part, ensure_ascii=False)}]"  # on one line
        else:
            text += f".{part}" if text else part
    return text


def to_plain(node: Node) -> object:
    """Return dicts, lists and scalars; text comes as ``Text``."""
    if isinstance(node.value, dict):
        return {key: to_plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [to_plain(child) for child in node.value]
    if isinstance(node.value, str):
        return Text(node.value, node.place.file)
    return node.value


def find(node: Node, path: Sequence[str | int]) -> tuple[Node, KeyPath]:
    """Follow the path as far as it goes; return what is there and the path so far."""
    for count, part in enumerate(path):
        children: dict[str | int, Node] = {}
        if isinstance(node.value, dict):
            children.update(node.value)
        elif isinstance(node.value, list):
            children.update(enumerate(node.value))
        if part not in children:
            return node, tuple(path[:count])
        node = children[part]
    return node, tuple(path)


def parse(text: str, file: Path) -> tuple[Node | None, list[Problem]]:
    """Read one document; the node is None if the text is not YAML.

    An empty document is a node with the value None.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.YAMLError as exc:
        return None, [_describe(exc, text, file)]
    except RecursionError:
        return None, [Problem(Place(file, 0), (), "nested too deeply")]
    if root is None:
        return Node(None, Place(file, 1)), []
    builder = _Builder(file)
    try:
        node = builder.build(root, Place(file, 1), ())
    except _TooLargeError as exc:
        return None, [Problem(exc.place, (), str(exc))]
    return node, builder.problems


class _Loader(yaml.SafeLoader):
    """PyYAML's loader, with YAML 1.2's few meanings of plain words."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  PyYAML's class has it so


_Loader.add_implicit_resolver(
    _TAG + "null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""]
)
_Loader.add_implicit_resolver(
    _TAG + "bool", re.compile(r"^(?:true|false)$"), ["t", "f"]
)
_Loader.add_implicit_resolver(_TAG + "int", _NUMBER, list("-0123456789"))
_Loader.add_implicit_resolver(_TAG + "merge", re.compile(r"^<<$"), ["<"])


class _TooLargeError(Exception):
    def __init__(self, place: Place, text: str) -> None:
        super().__init__(text)
        self.place = place


class _Builder:
    """Turns PyYAML's nodes into ours; used for one document by one caller."""

    def __init__(self, file: Path) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._count = 0

    def build(self, node: yaml.Node, place: Place, path: KeyPath) -> Node:
        self._count += 1
        if self._count > _MOST_NODES:
            raise _TooLargeError(
                place, f"more than {_MOST_NODES} values; aliases repeat too much"
            )
        if len(path) > _MOST_LEVELS:
            raise _TooLargeError(place, f"nested deeper than {_MOST_LEVELS} levels")
        if isinstance(node, yaml.MappingNode):
            self._check_tag(node, place, path, ("map",))
            return Node(self._build_map(node, path), place)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, place, path, ("seq",))
            children = enumerate(node.value)
            items = [self.build(c, self._place(c), (*path, i)) for i, c in children]
            return Node(items, place)
        return Node(self._build_scalar(node, place, path), place)

    def _build_map(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Node]:
        result: dict[str, Node] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            place = self._place(key)
            if key.tag == _TAG + "merge":
                merged.append(value)
            elif not isinstance(key, yaml.ScalarNode):
                self._report(place, path, "a key must be text; quote it")
            elif key.value in result:
                first = result[key.value].place.line
                text = f"key given twice; the first is in line {first}"
                self._report(place, (*path, key.value), text)
            else:
                result[key.value] = self.build(value, place, (*path, key.value))
        for source in merged:
            self._merge(source, result, path)
        return result

    def _merge(self, source: yaml.Node, result: dict[str, Node], path: KeyPath) -> None:
        """Add what ``<<: *name`` brings; keys that are there already win."""
        sources = [source]
        if isinstance(source, yaml.SequenceNode):
            sources = source.value
        for one in sources:
            if not isinstance(one, yaml.MappingNode):
                self._report(self._place(one), path, '"<<" takes a map; such as *name')
                continue
            # One level deeper, so that a map which merges itself comes to an end.
            built = self.build(one, self._place(one), (*path, "<<")).value
            assert isinstance(built, dict)
            result.update({k: v for k, v in built.items() if k not in result})

    def _build_scalar(
        self, node: yaml.Node, place: Place, path: KeyPath
    ) -> str | int | bool | None:
        kind = node.tag.removeprefix(_TAG)
        text: str = node.value
        if kind == "null":
            return None
        if kind == "bool" and text in ("true", "false"):
            return text == "true"
        if kind == "int" and _NUMBER.match(text):
            return int(text)
        self._check_tag(node, place, path, ("str", "merge"))
        return text

    def _check_tag(
        self, node: yaml.Node, place: Place, path: KeyPath, kinds: tuple[str, ...]
    ) -> None:
        if node.tag.removeprefix(_TAG) not in kinds:
            self._report(place, path, f'tag "{node.tag}" is not known; remove it')

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1)

    def _report(self, place: Place, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(place, path, text))


def _describe(exc: yaml.YAMLError, text: str, file: Path) -> Problem:
    if isinstance(exc, yaml.reader.ReaderError):
        line = text.count("\n", 0, exc.position) + 1
        what = f"the character U+{ord(text[exc.position]):04X} is not allowed"
        return Problem(Place(file, line), (), what)
    assert isinstance(exc, yaml.MarkedYAMLError)  # all others that PyYAML raises
    mark = exc.problem_mark or exc.context_mark
    line = mark.line + 1 if mark else 0
    what = f"{exc.problem}"
    if what.startswith("but "):
        what = f"{exc.context}, {what}"
    if "'\\t'" in what:
        what = "a tab; indent with spaces"
    return Problem(Place(file, line), (), what)
