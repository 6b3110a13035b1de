"""What a source says about paths: folders that it adds to sys.path, files it names.

Evaluates what scripts usually write there (``__file__``, os.path, pathlib), and gives
up on all else.  Pure: must not look at the disk.
"""

from __future__ import annotations

import ast
import os
from typing import Callable, Dict, Iterator, List, Optional

from httpout_cgi.interpreter.classify_scopes import Scope, constant, resolve

_DEPTH = 8

# The working directory, that of the script.
_HERE = "."

_PLAIN: Dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("os.path.dirname", "posixpath.dirname"), os.path.dirname),
    **dict.fromkeys(
        ("os.path.abspath", "os.path.realpath", "os.path.normpath", "builtins.str"),
        lambda path: path,
    ),
    **dict.fromkeys(
        ("os.fspath", "os.path.expanduser", "pathlib.Path", "pathlib.PurePath"),
        lambda path: path,
    ),
}
_JOINS = ("os.path.join", "posixpath.join", "pathlib.Path", "pathlib.PurePath")
_VALUES = {
    **{"os.pardir": "..", "os.curdir": ".", "os.sep": "/", "os.path.sep": "/"},
    **{"os.path.pardir": "..", "os.path.curdir": "."},
}
_UNCHANGED_METHODS = frozenset(("resolve", "absolute", "as_posix", "expanduser"))


class PathReader:
    """Evaluates expressions in one source; ``file`` is where that is."""

    def __init__(self, file: str) -> None:
        self._file = file

    def evaluate(
        self, node: ast.AST, scope: Scope, depth: int = _DEPTH
    ) -> Optional[str]:
        """Return the path that an expression gives, None if it cannot be told.

        A relative one is relative to the working directory of the run.
        """
        text = constant(node)
        if text is not None or not depth:
            return text
        if isinstance(node, ast.Name):
            return self._evaluate_name(node, scope, depth - 1)
        if isinstance(node, ast.BinOp):
            return self._evaluate_operation(node, scope, depth - 1)
        if isinstance(node, ast.Attribute):
            return self._evaluate_attribute(node, scope, depth - 1)
        if isinstance(node, ast.Subscript):
            return self._evaluate_item(node, scope, depth - 1)
        if isinstance(node, ast.JoinedStr):
            parts = [self.evaluate(part, scope, depth - 1) for part in node.values]
            return "".join(map(str, parts)) if None not in parts else None
        if isinstance(node, ast.FormattedValue):
            return self.evaluate(node.value, scope, depth - 1)
        if isinstance(node, ast.Call):
            return self._evaluate_call(node, scope, depth - 1)
        return None

    def _evaluate_name(self, node: ast.Name, scope: Scope, depth: int) -> Optional[str]:
        found = scope.find(node.id)
        if found is None:
            return self._file if node.id == "__file__" else None
        bindings = found.names[node.id]
        if len(bindings) != 1 or isinstance(bindings[0], str):
            return _VALUES.get(next(iter(resolve(node, scope)), ""))
        return self.evaluate(bindings[0], found, depth)

    def _evaluate_operation(
        self, node: ast.BinOp, scope: Scope, depth: int
    ) -> Optional[str]:
        left = self.evaluate(node.left, scope, depth)
        if left is None:
            return None
        if isinstance(node.op, ast.Mod):
            right = self.evaluate(node.right, scope, depth)
            is_one = right is not None and left.count("%") == left.count("%s") == 1
            return left.replace("%s", right or "") if is_one else None
        right = self.evaluate(node.right, scope, depth)
        if right is None or not isinstance(node.op, (ast.Add, ast.Div)):
            return None
        return left + right if isinstance(node.op, ast.Add) else _join(left, right)

    def _evaluate_attribute(
        self, node: ast.Attribute, scope: Scope, depth: int
    ) -> Optional[str]:
        for name in resolve(node, scope):
            if name in _VALUES:
                return _VALUES[name]
        if node.attr == "parent":
            path = self.evaluate(node.value, scope, depth)
            return None if path is None else os.path.dirname(path) or _HERE
        return None

    def _evaluate_item(
        self, node: ast.Subscript, scope: Scope, depth: int
    ) -> Optional[str]:
        names = resolve(node.value, scope)
        index = _number(node.slice)
        if "sys.path" in names and index == 0:
            return _HERE
        if "sys.argv" in names and index == 0:
            return "./script"
        if index == 0 and isinstance(node.value, ast.Call):  # os.path.split(path)[0]
            call = node.value
            if "os.path.split" in resolve(call.func, scope) and call.args:
                path = self.evaluate(call.args[0], scope, depth)
                return None if path is None else os.path.dirname(path)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            path = self.evaluate(node.value.value, scope, depth)
            for _ in range(0 if index is None else index + 1):
                path = None if path is None else os.path.dirname(path)
            return path if index is not None else None
        return None

    def _evaluate_call(self, node: ast.Call, scope: Scope, depth: int) -> Optional[str]:
        names = resolve(node.func, scope)
        if "os.getcwd" in names or "pathlib.Path.cwd" in names:
            return _HERE
        parts = [self.evaluate(one, scope, depth) for one in node.args]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts) and parts:
            if any(name in _JOINS for name in names):
                return _join(*known)
            for name in names:
                if name in _PLAIN:
                    return _PLAIN[name](known[0]) or _HERE
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in _UNCHANGED_METHODS:
                return self.evaluate(node.func.value, scope, depth)
            if node.func.attr == "joinpath" and len(known) == len(parts):
                base = self.evaluate(node.func.value, scope, depth)
                return None if base is None else _join(base, *known)
        return None

    def list_added(self, node: ast.AST, scope: Scope) -> Iterator[Optional[str]]:
        """Yield the folders in what is assigned to, or put into, sys.path."""
        if isinstance(node, (ast.List, ast.Tuple)):
            for item in node.elts:
                if not isinstance(item, ast.Starred):
                    yield from self.list_added(item, scope)
            return
        path = self.evaluate(node, scope)
        if path is not None:
            yield path
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from self.list_added(node.left, scope)
            yield from self.list_added(node.right, scope)
        elif not self._is_search_path(node, scope):
            yield None

    def _is_search_path(self, node: ast.AST, scope: Scope) -> bool:
        """Tell whether it is what sys.path was, or a part of that."""
        if isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Call):
            nodes: List[ast.expr] = [node.func, *node.args]
            return any(self._is_search_path(one, scope) for one in nodes)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self._is_search_path(node.generators[0].iter, scope)
        names = resolve(node, scope)
        return any(name.startswith("sys.path") for name in names)


def _join(*parts: str) -> str:
    return os.path.join(*parts)


def _number(node: ast.AST) -> Optional[int]:
    if node.__class__.__name__ == "Index":  # before Python 3.9
        node = node.value  # type: ignore[attr-defined]
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    return None
