"""Reads a syntax tree once, and notes what may matter for the choice of a runner.

Pure: must not look at the disk, or run anything.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import Callable, Dict, List, Optional, Type

from httpout_cgi.interpreter.classify_calls import (
    ENVIRONMENTS,
    CallReader,
    read_arguments,
)
from httpout_cgi.interpreter.classify_facts import (
    CALLS,
    CHANGES,
    OPENS,
    SETS,
    STARTS,
    USES,
    VARIABLE,
    Facts,
    Notes,
)
from httpout_cgi.interpreter.classify_programs import find_privileged
from httpout_cgi.interpreter.classify_scopes import (
    Scope,
    absolute,
    constant,
    make_scope,
    resolve,
)
from httpout_cgi.interpreter.classify_tables import MUTATORS

# Functions whose arguments are for other processes.
_COMMANDS = ("subprocess.", "os.system", "os.popen", "os.spawn", "os.posix_spawn")
_ABOUT_PROCESSES = frozenset(("os.kill", "os.killpg", "os.getpgid", "os.getsid"))
_FAILURES = frozenset(("ImportError", "ModuleNotFoundError", "Exception"))


def gather(tree: ast.Module, path: str, package: str, *, is_main: bool) -> Facts:
    """Return the facts of a source file; ``package`` is that of the module."""
    scope = make_scope(tree, package)
    reader = _Reader(path, package, is_main=is_main)
    reader.read_all(tree.body, scope)
    exports = {name: tuple(resolve(ast.Name(name), scope)) for name in scope.names}
    known = {name: found for name, found in exports.items() if found}
    return reader.notes.finish(known, scope.stars)


class _Reader:
    """Goes through the tree once."""

    def __init__(self, path: str, package: str, *, is_main: bool) -> None:
        self.notes = self._notes = Notes()
        self._package = package
        self._is_main = is_main
        self._calls = CallReader(self.notes, path, package, self._read_text)
        self._readers: Dict[Type[ast.AST], Callable[..., None]] = {
            **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef), self._nested),
            **dict.fromkeys((ast.Lambda, ast.ClassDef), self._nested),
            **dict.fromkeys((ast.With, ast.AsyncWith), self._with),
            **dict.fromkeys((ast.If, ast.IfExp, ast.While), self._if),
            **dict.fromkeys((ast.Name, ast.Attribute), self._name),
            **dict.fromkeys((ast.Assign, ast.AugAssign), self._assign),
            ast.AnnAssign: self._annotated,
            ast.arg: self._nothing,
            ast.Try: self._try,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.Subscript: self._item,
            ast.Call: self._call,
            ast.Constant: self._constant,
        }

    def read_all(self, nodes: List[ast.stmt], scope: Scope) -> None:
        for node in nodes:
            self._read(node, scope)

    def _read_text(self, tree: ast.Module, scope: Scope) -> None:
        self.read_all(tree.body, scope)

    def _read(self, node: ast.AST, scope: Scope) -> None:
        reader = self._readers.get(type(node))
        if reader is not None:
            reader(node, scope)
        else:
            self._children(node, scope)

    def _children(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            self._read(child, scope)

    def _nothing(self, node: ast.AST, scope: Scope) -> None:
        """Leave annotations alone: they say what is, and do nothing."""

    def _nested(self, node: ast.AST, scope: Scope) -> None:
        inner = scope.nested.get(id(node), scope)
        for name, value in ast.iter_fields(node):
            if name == "returns":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self._read(child, inner if name == "body" else scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        self._read(node.target, scope)
        if node.value is not None:
            self._read(node.value, scope)

    def _with(self, node: ast.With, scope: Scope) -> None:
        names = [
            name
            for item in node.items
            if isinstance(item.context_expr, ast.Call)
            for name in resolve(item.context_expr.func, scope)
        ]
        is_catcher = "warnings.catch_warnings" in names
        self._notes.catchers += is_catcher
        self._children(node, scope)
        self._notes.catchers -= is_catcher

    def _try(self, node: ast.Try, scope: Scope) -> None:
        is_guard = any(_catches_imports(handler) for handler in node.handlers)
        self._notes.guards += is_guard
        self.read_all(node.body, scope)
        self._notes.guards -= is_guard
        for part in (node.handlers, node.orelse, node.finalbody):
            for child in part:
                self._read(child, scope)

    def _if(self, node: ast.If, scope: Scope) -> None:
        truth = self._truth(node.test, scope)
        self._read(node.test, scope)
        for part, is_dead in (
            (node.body, truth is False),
            (node.orelse, truth is True),
        ):
            for child in part if isinstance(part, list) else [part]:
                if not is_dead or isinstance(node, ast.While):
                    self._read(child, scope)

    def _truth(self, node: ast.expr, scope: Scope) -> Optional[bool]:
        """Return what a condition is in any run, None if that cannot be told."""
        if isinstance(node, ast.Constant):
            return bool(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            truth = self._truth(node.operand, scope)
            return None if truth is None else not truth
        if isinstance(node, (ast.Name, ast.Attribute)):
            return False if "typing.TYPE_CHECKING" in resolve(node, scope) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            text = constant(node.args[0]) if node.args else None
            if text and resolve(node.func, scope) == ["sys.platform.startswith"]:
                return sys.platform.startswith(text)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compare(node, scope)
        return None

    def _compare(self, node: ast.Compare, scope: Scope) -> Optional[bool]:
        if isinstance(node.left, ast.Name) and node.left.id == "__name__":
            is_here = constant(node.comparators[0]) == "__main__"
            return False if is_here and not self._is_main else None
        text = constant(node.comparators[0])
        name = next(iter(resolve(node.left, scope)), "")
        known = {"sys.platform": sys.platform, "os.name": os.name}.get(name)
        if text is None or known is None:
            return None
        if isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            return (known == text) is isinstance(node.ops[0], ast.Eq)
        return None

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            self._notes.add_import(alias.name, (), node.lineno)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = absolute(node.level, node.module, self._package)
        if module:
            names = tuple(alias.name for alias in node.names)
            self._notes.add_import(module, names, node.lineno)

    def _name(self, node: ast.expr, scope: Scope) -> None:
        names = resolve(node, scope)
        is_load = isinstance(getattr(node, "ctx", None), ast.Load)
        if isinstance(node, ast.Attribute) and not is_load:
            for name in names:
                self._notes.add_use(SETS, name, node)
            self._read(node.value, scope)
            return
        for name in names:
            self._notes.add_use(USES, name, node)
        self._read_base(node, names, scope)

    def _read_base(self, node: ast.expr, names: List[str], scope: Scope) -> None:
        """Read on below what has a name: ``__import__("os")`` in ``….fork``."""
        while names and isinstance(node, ast.Attribute):
            node = node.value
        if names and isinstance(node, ast.Call):
            self._read(node, scope)
        elif not isinstance(node, ast.Name):
            self._children(node, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            owner = target.value if isinstance(target, ast.Subscript) else target
            if "sys.path" in resolve(owner, scope):
                self._calls.add_folders(node.value, scope)
        self._children(node, scope)

    def _item(self, node: ast.Subscript, scope: Scope) -> None:
        if not isinstance(node.ctx, ast.Load):
            key = constant(node.slice)
            for name in resolve(node.value, scope):
                if name in ENVIRONMENTS:
                    self._notes.add_use(VARIABLE, key or "", node)
                else:
                    self._notes.add_use(CHANGES, name, node)
        elif resolve(node, scope):
            self._name(node, scope)
            return
        self._children(node, scope)

    def _constant(self, node: ast.Constant, scope: Scope) -> None:
        text = node.value
        if not isinstance(text, str):
            return
        program = find_privileged(text, is_command=self._notes.commands > 0)
        if program:
            self._notes.add_use(STARTS, program, node)
        if text[:1] == "/" and not self._notes.commands:
            self._notes.add_use(OPENS, text, node)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        names = resolve(node.func, scope)
        skipped: List[ast.AST] = []
        for name in names:
            self._notes.add_use(CALLS, name, node, read_arguments(node, scope))
            self._calls.look_at(node, name, scope)
            if name in _ABOUT_PROCESSES:
                skipped += [one for one in node.args if isinstance(one, ast.Call)]
        for name in resolve(node, scope):  # getattr(os, "fork")
            self._notes.add_use(USES, name, node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            for name in resolve(node.func.value, scope):
                if name not in ENVIRONMENTS:
                    self._notes.add_use(CHANGES, name, node)
        if names:
            self._read_base(node.func, names, scope)
        else:
            self._read(node.func, scope)
        is_command = any(name.startswith(_COMMANDS) for name in names)
        self._notes.commands += is_command
        for child in [*node.args, *node.keywords]:
            if child not in skipped:
                self._read(child, scope)
        self._notes.commands -= is_command


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in _FAILURES)
        for kind in kinds
    )
