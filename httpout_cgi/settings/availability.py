"""Availability: settings that are in the model but that nothing obeys yet.

They are refused, never silently ignored.  When something of the table works, delete
its line.
"""

from collections.abc import Callable
from typing import TypeAlias

from httpout_cgi.settings import values
from httpout_cgi.strict_yaml import Node, Problem, to_plain

_Test: TypeAlias = Callable[[object], bool]


def _is_some_time(value: object) -> bool:
    try:
        return values.parse_time(value) != 0
    except ValueError:
        return False  # reported as such elsewhere


_NOT_YET: tuple[tuple[tuple[str, ...], _Test], ...] = (
    (("reload", "check"), _is_some_time),
)


def refuse_what_is_not_available(root: Node) -> list[Problem]:
    """Return a problem for every setting that nothing obeys yet."""
    problems = []
    for path, is_refused in _NOT_YET:
        node = _find(root, path)
        if node is not None and is_refused(to_plain(node)):
            text = "not available yet; remove it"
            problems.append(Problem(node.place, path, text))
    return problems


def _find(root: Node, path: tuple[str, ...]) -> Node | None:
    node: Node | None = root
    for key in path:
        children = node.value if node is not None else None
        node = children.get(key) if isinstance(children, dict) else None
    return node
