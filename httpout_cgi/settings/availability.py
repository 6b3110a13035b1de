"""Availability: settings that are in the model but that nothing obeys yet.

They are refused, never silently ignored.  When something of the table works, delete
its line.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from httpout_cgi.settings import values
from httpout_cgi.strict_yaml import KeyPath, Node, Problem, to_plain

_Test: TypeAlias = Callable[[str, object], bool]


def _is_some_time(_: str, value: object) -> bool:
    try:
        return values.parse_time(value) != 0
    except ValueError:
        return False  # reported as such elsewhere


_EACH = "*"
_NOT_YET: tuple[tuple[KeyPath, _Test], ...] = ((("reload", "check"), _is_some_time),)


def refuse_what_is_not_available(root: Node) -> list[Problem]:
    """Return a problem for every setting that nothing obeys yet."""
    problems = []
    for pattern, is_refused in _NOT_YET:
        for path, node in _select(root, pattern, ()):
            if is_refused(str(path[-1]), to_plain(node)):
                text = "not available yet; remove it"
                problems.append(Problem(node.place, path, text))
    return problems


def _select(
    node: Node, pattern: KeyPath, path: KeyPath
) -> Iterator[tuple[KeyPath, Node]]:
    if not pattern:
        yield path, node
        return
    children: dict[str, Node] | dict[int, Node] = {}
    if isinstance(node.value, dict):
        children = node.value
    elif isinstance(node.value, list):
        children = dict(enumerate(node.value))
    for key, child in children.items():
        if pattern[0] in (_EACH, key):
            yield from _select(child, pattern[1:], (*path, key))
