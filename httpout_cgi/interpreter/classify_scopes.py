"""What names in a source mean: which module, and what in it.

Follows imports, simple assignments and nested scopes; whatever else a name may be
bound to is nothing that we know.  Pure: must not open or run anything.
"""

from __future__ import annotations

import ast
import builtins
from typing import Dict, Iterator, List, Optional, Set, Union

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_NESTED = (*_FUNCTIONS, ast.ClassDef)
_BUILTINS = frozenset(dir(builtins))
# How far an alias of an alias is followed.
_DEPTH = 8

# A full name ("os.fork"), or an expression that may have one.
Binding = Union[str, ast.expr]


class Scope:
    """The names that one function, class or module binds."""

    def __init__(
        self, parent: Optional[Scope] = None, *, is_class: bool = False
    ) -> None:
        self.parent = parent
        self.is_class = is_class
        # A name that only has bindings we cannot follow has an empty list.
        self.names: Dict[str, List[Binding]] = {}
        # Modules of which everything was imported.
        self.stars: List[str] = [] if parent is None else parent.stars
        self.nested: Dict[int, Scope] = {}

    def bind(self, name: str, binding: Optional[Binding] = None) -> None:
        """Note one more thing that a name may be."""
        bindings = self.names.setdefault(name, [])
        if binding is not None and binding not in bindings:
            bindings.append(binding)

    def find(self, name: str) -> Optional[Scope]:
        """Return the scope, from here outwards, that binds a name."""
        scope: Optional[Scope] = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope
            scope = scope.parent
        return None


def make_scope(tree: ast.AST, package: str, parent: Optional[Scope] = None) -> Scope:
    """Return the scope of a module, with those below it.

    ``package`` is what relative imports are relative to.
    """
    scope = Scope(parent)
    _Binder(package).fill(scope, tree)
    return scope


def absolute(level: int, module: Optional[str], package: str) -> Optional[str]:
    """Return the full name of a module that is imported; None leads out of it."""
    if not level:
        return module or ""
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


class _Binder:
    """Fills scopes with what a source binds."""

    def __init__(self, package: str) -> None:
        self._package = package

    def fill(self, scope: Scope, tree: ast.AST) -> None:
        if isinstance(tree, _FUNCTIONS):
            for argument in _arguments(tree.args):
                scope.bind(argument.arg)
        outer = _declared_outside(tree)
        for name in outer:
            scope.names.pop(name, None)
        self._fill_from(_body(tree), scope, outer)

    def _fill_from(
        self, nodes: List[ast.AST], scope: Scope, outer: Dict[str, bool]
    ) -> None:
        inner: List[ast.AST] = []
        while nodes:
            node = nodes.pop()
            for name, binding in self._bindings(node, scope):
                target = scope
                if name in outer:
                    target = _outer(scope, name, is_global=outer[name])
                target.bind(name, binding)
            if isinstance(node, _NESTED):
                inner.append(node)
                nodes += _outside_body(node)
            else:
                nodes += ast.iter_child_nodes(node)
        for node in inner:
            is_class = isinstance(node, ast.ClassDef)
            scope.nested[id(node)] = Scope(scope, is_class=is_class)
            self.fill(scope.nested[id(node)], node)

    def _bindings(
        self, node: ast.AST, scope: Scope
    ) -> Iterator[tuple[str, Optional[Binding]]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            yield from self._imported(node, scope)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        else:
            name = _name_without_value(node)
            if name:
                yield name, None

    def _imported(
        self, node: ast.ImportFrom, scope: Scope
    ) -> Iterator[tuple[str, Optional[Binding]]]:
        module = absolute(node.level, node.module, self._package)
        for alias in node.names:
            if alias.name == "*":
                if module:
                    scope.stars.append(module)
            elif module is None:
                yield alias.asname or alias.name, None
            else:
                yield alias.asname or alias.name, f"{module}.{alias.name}"


def _name_without_value(node: ast.AST) -> Optional[str]:
    """Return a name that is bound to something that cannot be followed."""
    if isinstance(node, ast.Name):
        return None if isinstance(node.ctx, ast.Load) else node.id
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name
    return node.name if isinstance(node, ast.ExceptHandler) else None


def _body(tree: ast.AST) -> List[ast.AST]:
    if isinstance(tree, ast.Lambda):
        return [tree.body]
    body: List[ast.AST] = list(getattr(tree, "body", ()))
    return body


def _outside_body(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what belongs to the scope around: decorators, defaults, base classes."""
    for name, value in ast.iter_fields(node):
        if name == "body":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from getattr(arguments, "posonlyargs", ())
    yield from arguments.args
    yield from arguments.kwonlyargs
    for argument in (arguments.vararg, arguments.kwarg):
        if argument is not None:
            yield argument


def _declared_outside(tree: ast.AST) -> Dict[str, bool]:
    """Return names that are declared global (True) or nonlocal (False)."""
    found: Dict[str, bool] = {}
    todo = _body(tree)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(dict.fromkeys(node.names, isinstance(node, ast.Global)))
        elif not isinstance(node, _NESTED):
            todo += ast.iter_child_nodes(node)
    return found


def _outer(scope: Scope, name: str, *, is_global: bool) -> Scope:
    if is_global:
        while scope.parent is not None:
            scope = scope.parent
        return scope
    found = scope.parent.find(name) if scope.parent is not None else None
    return found or scope


def resolve(node: ast.AST, scope: Scope, depth: int = _DEPTH) -> List[str]:
    """Return the full names that an expression may have; most have none."""
    if isinstance(node, ast.Name):
        return _resolve_name(node.id, scope, depth)
    if isinstance(node, ast.Attribute):
        return [f"{name}.{node.attr}" for name in resolve(node.value, scope, depth)]
    if isinstance(node, ast.Call):
        return _resolve_call(node, scope, depth)
    if isinstance(node, ast.Subscript):
        return _resolve_item(node, scope, depth)
    parts: List[ast.expr] = []
    if isinstance(node, ast.IfExp):
        parts = [node.body, node.orelse]
    elif isinstance(node, ast.BoolOp):
        parts = node.values
    elif isinstance(node, ast.NamedExpr):
        parts = [node.value]
    return [name for part in parts for name in resolve(part, scope, depth)]


def _resolve_name(name: str, scope: Scope, depth: int) -> List[str]:
    found = scope.find(name)
    if found is None:
        names = [f"{module}.{name}" for module in scope.stars]
        return [*names, f"builtins.{name}"] if name in _BUILTINS else names
    names = []
    for binding in found.names[name]:
        if isinstance(binding, str):
            names.append(binding)
        elif depth:
            names += resolve(binding, found, depth - 1)
    return names


def _resolve_call(node: ast.Call, scope: Scope, depth: int) -> List[str]:
    """Follow what returns a module, or something in it, by its name."""
    if not node.args:
        return []
    functions = set(resolve(node.func, scope, depth))
    first, *rest = node.args
    if "builtins.getattr" in functions and rest:
        return _with_attribute(first, constant(rest[0]), scope, depth)
    if "builtins.vars" in functions:
        return [f"{name}.__dict__" for name in resolve(first, scope, depth)]
    name = constant(first)
    if name is None or functions.isdisjoint(IMPORTERS):
        return []
    # "__import__" returns the first part, unless it is told to look for names.
    is_top = "builtins.__import__" in functions and len(rest) < 3
    return [name.partition(".")[0] if is_top else name]


# Functions that return the module of the given name.
IMPORTERS: Set[str] = {
    *("builtins.__import__", "importlib.import_module", "importlib.__import__"),
    *("sys.modules.get", "sys.modules.pop"),
}


def _resolve_item(node: ast.Subscript, scope: Scope, depth: int) -> List[str]:
    key = constant(node.slice)
    if key is None:
        return []
    found = []
    for name in resolve(node.value, scope, depth):
        if name == "sys.modules":
            found.append(key)
        elif name.endswith(".__dict__"):
            found.append(name[: -len("__dict__")] + key)
    return found


def _with_attribute(
    owner: ast.expr, name: Optional[str], scope: Scope, depth: int
) -> List[str]:
    if name is None:
        return []
    return [f"{one}.{name}" for one in resolve(owner, scope, depth)]


def constant(node: ast.AST) -> Optional[str]:
    """Return the text that is written there, if it is nothing else than that."""
    if node.__class__.__name__ == "Index":  # before Python 3.9
        node = node.value  # type: ignore[attr-defined]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None
