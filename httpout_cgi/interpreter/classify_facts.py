"""What one source file does that may matter for the choice of a runner.

Reads its syntax tree; what it calls and imports may be anywhere, so nothing is judged
here.  Pure: must not look at the disk, or run anything.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Type

from httpout_cgi.interpreter.classify_paths import PathReader
from httpout_cgi.interpreter.classify_scopes import (
    IMPORTERS,
    Scope,
    absolute,
    constant,
    make_scope,
    resolve,
)
from httpout_cgi.interpreter.classify_tables import MUTATORS

# What is done with what has a name.
USES, CALLS, SETS, CHANGES, VARIABLE, OPENS, RELOADS = range(7)

# Everything below the package may be imported.
ANY = "*"

# Functions whose arguments are for other processes.
_COMMANDS = ("subprocess.", "os.system", "os.popen", "os.spawn", "os.posix_spawn")
_ABOUT_PROCESSES = frozenset(("os.kill", "os.killpg", "os.getpgid", "os.getsid"))
# Functions that run a file, or text.
_RUN_FILES = frozenset(
    (
        *("builtins.exec", "builtins.execfile", "builtins.compile", "runpy.run_path"),
        *("importlib.util.spec_from_file_location", "imp.load_source"),
        "importlib.machinery.SourceFileLoader",
    )
)
_RUN_TEXT = frozenset(("builtins.exec", "builtins.eval"))
_ENVIRONMENTS = frozenset(("os.environ", "posix.environ", "os.environb"))
_PATH_METHODS = frozenset(("sys.path.insert", "sys.path.append", "sys.path.extend"))
_FAILURES = frozenset(("ImportError", "ModuleNotFoundError", "Exception"))


class Named(NamedTuple):
    """An argument that is the value of what has a full name: ``locale.LC_ALL``."""

    name: str


class Arguments(NamedTuple):
    """What a call is given: literals, and Named."""

    positional: Tuple[object, ...]
    keywords: Dict[str, object]


class Use(NamedTuple):
    """``arguments`` are those of a call, None if they cannot be told."""

    kind: int
    name: str
    line: int
    arguments: Optional[Arguments] = None


class Import(NamedTuple):
    """A module, and names that may be modules in it."""

    module: str
    names: Tuple[str, ...]
    line: int
    is_guarded: bool


class Facts(NamedTuple):
    """``folders`` are those added to sys.path, with their lines; None is unknown.

    ``files`` are paths of what it may run; ``exports`` are the full names of what it
    has imported, by the names it has given them.
    """

    uses: Tuple[Use, ...]
    imports: Tuple[Import, ...]
    folders: Tuple[Tuple[Optional[str], int], ...]
    files: Tuple[str, ...]
    exports: Dict[str, Tuple[str, ...]]
    stars: Tuple[str, ...]


def gather(tree: ast.Module, path: str, package: str, *, is_main: bool) -> Facts:
    """Return the facts of a source file; ``package`` is that of the module."""
    scope = make_scope(tree, package)
    reader = _Reader(path, package, is_main=is_main)
    reader.read_all(tree.body, scope)
    if any(use.name in _RUN_TEXT for use in reader.uses.values()):
        reader.files += reader.opened
    exports = {name: tuple(resolve(ast.Name(name), scope)) for name in scope.names}
    return Facts(
        tuple(reader.uses.values()),
        tuple(dict.fromkeys(reader.imports)),
        tuple(dict.fromkeys(reader.folders)),
        tuple(dict.fromkeys(reader.files)),
        {name: found for name, found in exports.items() if found},
        tuple(scope.stars),
    )


class _Reader:
    """Goes through the tree once."""

    def __init__(self, path: str, package: str, *, is_main: bool) -> None:
        self.uses: Dict[object, Use] = {}
        self.imports: List[Import] = []
        self.folders: List[Tuple[Optional[str], int]] = []
        self.files: List[str] = []
        # Sources that it opens: perhaps for exec().
        self.opened: List[str] = []
        self._package = package
        self._is_main = is_main
        self._paths = PathReader(path)
        # How many of these are around what is being read.
        self._guards = self._catchers = self._commands = 0
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
        self._catchers += is_catcher
        self._children(node, scope)
        self._catchers -= is_catcher

    def _try(self, node: ast.Try, scope: Scope) -> None:
        is_guard = any(_catches_imports(handler) for handler in node.handlers)
        self._guards += is_guard
        self.read_all(node.body, scope)
        self._guards -= is_guard
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
            self._add_import(alias.name, (), node.lineno)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = absolute(node.level, node.module, self._package)
        if module:
            names = tuple(alias.name for alias in node.names)
            self._add_import(module, names, node.lineno)

    def _add_import(self, module: str, names: Tuple[str, ...], line: int) -> None:
        self.imports.append(Import(module, names, line, self._guards > 0))

    def _name(self, node: ast.expr, scope: Scope) -> None:
        names = resolve(node, scope)
        is_load = isinstance(getattr(node, "ctx", None), ast.Load)
        if isinstance(node, ast.Attribute) and not is_load:
            for name in names:
                self._add(SETS, name, node)
            self._read(node.value, scope)
            return
        for name in names:
            self._add(USES, name, node)
        self._read_base(node, names, scope)

    def _read_base(self, node: ast.expr, names: List[str], scope: Scope) -> None:
        """Read on below what has a name: ``__import__("os")`` in ``….fork``."""
        while names and isinstance(node, ast.Attribute):
            node = node.value
        if names and isinstance(node, ast.Call):
            self._read(node, scope)
        elif not isinstance(node, ast.Name):
            self._children(node, scope)

    def _add(
        self,
        kind: int,
        name: str,
        node: ast.AST,
        arguments: Optional[Arguments] = None,
    ) -> None:
        if self._catchers and name.startswith("warnings."):
            return  # they are taken back
        use = Use(kind, name, getattr(node, "lineno", 1), arguments)
        key: object = (kind, name) if arguments is None else id(use)
        self.uses.setdefault(key, use)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            owner = target.value if isinstance(target, ast.Subscript) else target
            if "sys.path" in resolve(owner, scope):
                self._add_folders(node.value, scope)
        self._children(node, scope)

    def _add_folders(self, node: ast.expr, scope: Scope) -> None:
        for path in self._paths.list_added(node, scope):
            self.folders.append((path, node.lineno))

    def _item(self, node: ast.Subscript, scope: Scope) -> None:
        if not isinstance(node.ctx, ast.Load):
            key = constant(node.slice)
            for name in resolve(node.value, scope):
                if name in _ENVIRONMENTS:
                    self._add(VARIABLE, key or "", node)
                else:
                    self._add(CHANGES, name, node)
        elif resolve(node, scope):
            self._name(node, scope)
            return
        self._children(node, scope)

    def _constant(self, node: ast.Constant, scope: Scope) -> None:
        text = node.value
        if isinstance(text, str) and text[:1] == "/" and not self._commands:
            self._add(OPENS, text, node)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        names = resolve(node.func, scope)
        skipped: List[ast.AST] = []
        for name in names:
            self._add(CALLS, name, node, _read_arguments(node, scope))
            self._look_at_call(node, name, scope)
            if name in _ABOUT_PROCESSES:
                skipped += [one for one in node.args if isinstance(one, ast.Call)]
        for name in resolve(node, scope):  # getattr(os, "fork")
            self._add(USES, name, node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            for name in resolve(node.func.value, scope):
                if name not in _ENVIRONMENTS:
                    self._add(CHANGES, name, node)
        if names:
            self._read_base(node.func, names, scope)
        else:
            self._read(node.func, scope)
        is_command = any(name.startswith(_COMMANDS) for name in names)
        self._commands += is_command
        for child in [*node.args, *node.keywords]:
            if child not in skipped:
                self._read(child, scope)
        self._commands -= is_command

    def _look_at_call(self, node: ast.Call, name: str, scope: Scope) -> None:
        if name in _PATH_METHODS or name == "site.addsitedir":
            for argument in node.args[name == "sys.path.insert" :]:
                self._add_folders(argument, scope)
        elif name in IMPORTERS or name == "runpy.run_module":
            self._add_imported(node)
        elif name in ("builtins.setattr", "builtins.delattr") and len(node.args) > 1:
            attribute = constant(node.args[1]) or "…"
            for owner in resolve(node.args[0], scope):
                self._add(SETS, f"{owner}.{attribute}", node)
        elif name == "builtins.getattr" and len(node.args) > 1:
            self._look_at_getattr(node, scope)
        elif name in ("importlib.reload", "imp.reload", "builtins.reload"):
            for module in [one for arg in node.args for one in resolve(arg, scope)]:
                self._add(RELOADS, module, node)
        elif name in _RUN_FILES or name in _RUN_TEXT:
            self._add_run(node, name, scope)
        elif name in ("builtins.open", "io.open") and node.args:
            path = self._paths.evaluate(node.args[0], scope)
            self.opened += [path] if path and path.endswith(".py") else []
        else:
            self._look_at_environment(node, name)

    def _look_at_getattr(self, node: ast.Call, scope: Scope) -> None:
        if constant(node.args[1]) is None and "os" in resolve(node.args[0], scope):
            self._add(USES, "os.…", node)

    def _look_at_environment(self, node: ast.Call, name: str) -> None:
        owner, _, method = name.rpartition(".")
        if name == "os.putenv" or (owner in _ENVIRONMENTS and method == "setdefault"):
            self._add(VARIABLE, constant(node.args[0]) or "" if node.args else "", node)
        elif owner in _ENVIRONMENTS and method == "update":
            names = [keyword.arg for keyword in node.keywords]
            for argument in node.args:
                keys = argument.keys if isinstance(argument, ast.Dict) else ()
                names += [constant(key) for key in keys if key is not None]
            for variable in names:
                self._add(VARIABLE, variable or "", node)

    def _add_imported(self, node: ast.Call) -> None:
        module = constant(node.args[0]) if node.args else None
        if module is not None:
            self._add_import(module, (), node.lineno)
            return
        prefix = _prefix(node.args[0]) if node.args else ""
        if "." in prefix:
            self._add_import(prefix.rpartition(".")[0], (ANY,), node.lineno)

    def _add_run(self, node: ast.Call, name: str, scope: Scope) -> None:
        text = constant(node.args[0]) if node.args else None
        if text is not None and name in _RUN_TEXT:
            tree = _parse(text)
            if tree is not None:
                ast.increment_lineno(tree, node.lineno - 1)
                self.read_all(tree.body, make_scope(tree, self._package, scope))
            return
        for part in [one for argument in node.args for one in ast.walk(argument)]:
            path = self._paths.evaluate(part, scope)
            if path and not path.startswith("<"):
                self.files.append(path)


def _parse(text: str) -> Optional[ast.Module]:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in _FAILURES)
        for kind in kinds
    )


def _prefix(node: ast.expr) -> str:
    """Return what a text begins with that is put together."""
    if isinstance(node, ast.BinOp):
        return (constant(node.left) or _prefix(node.left)).partition("%")[0]
    if isinstance(node, ast.JoinedStr) and node.values:
        return constant(node.values[0]) or ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return (constant(node.func.value) or "").partition("{")[0]
    return ""


def _read_arguments(node: ast.Call, scope: Scope) -> Optional[Arguments]:
    try:
        return Arguments(
            tuple(_value(one, scope) for one in node.args),
            {str(one.arg): _value(one.value, scope) for one in node.keywords},
        )
    except ValueError:
        return None


def _value(node: ast.expr, scope: Scope) -> object:
    """Return what an argument is; raises ValueError if that cannot be told."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        names = resolve(node, scope)
        if len(names) != 1:
            raise ValueError
        return Named(names[0])
    if isinstance(node, ast.Tuple):
        return tuple(_value(one, scope) for one in node.elts)
    value: object = ast.literal_eval(node)
    return value


def list_names(facts: Facts, name: str) -> Iterator[str]:
    """Yield the full names of what the module calls by that name."""
    first, dot, rest = name.partition(".")
    for found in facts.exports.get(first, ()):
        yield found + dot + rest
    for module in facts.stars:
        yield f"{module}.{name}"
