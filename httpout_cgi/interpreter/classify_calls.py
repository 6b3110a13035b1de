"""What a call in a source may mean: imports, files that it runs, variables it sets.

Pure: must not look at the disk, or run anything.
"""

from __future__ import annotations

import ast
from typing import Callable, Optional

from httpout_cgi.interpreter.classify_facts import (
    ANY,
    RELOADS,
    RUN_TEXT,
    SETS,
    USES,
    VARIABLE,
    Arguments,
    Named,
    Notes,
)
from httpout_cgi.interpreter.classify_paths import PathReader
from httpout_cgi.interpreter.classify_scopes import (
    IMPORTERS,
    Scope,
    constant,
    make_scope,
    resolve,
)

# Functions that run a file.
_RUN_FILES = frozenset(
    (
        *("builtins.exec", "builtins.execfile", "builtins.compile", "runpy.run_path"),
        *("importlib.util.spec_from_file_location", "imp.load_source"),
        "importlib.machinery.SourceFileLoader",
    )
)
_PATH_METHODS = frozenset(("sys.path.insert", "sys.path.append", "sys.path.extend"))
ENVIRONMENTS = frozenset(("os.environ", "posix.environ", "os.environb"))


class CallReader:
    """Looks at the calls in one source; ``read_text`` reads what exec() is given."""

    def __init__(
        self,
        notes: Notes,
        path: str,
        package: str,
        read_text: Callable[[ast.Module, Scope], None],
    ) -> None:
        self._notes = notes
        self._paths = PathReader(path)
        self._package = package
        self._read_text = read_text

    def look_at(self, node: ast.Call, name: str, scope: Scope) -> None:
        if name in _PATH_METHODS or name == "site.addsitedir":
            for argument in node.args[name == "sys.path.insert" :]:
                self.add_folders(argument, scope)
        elif name in IMPORTERS or name == "runpy.run_module":
            self._add_imported(node)
        elif name in ("importlib.reload", "imp.reload", "builtins.reload"):
            for module in [one for arg in node.args for one in resolve(arg, scope)]:
                self._notes.add_use(RELOADS, module, node)
        elif name in _RUN_FILES or name in RUN_TEXT:
            self._add_run(node, name, scope)
        elif name.startswith(("builtins.", "io.")):
            self._look_at_builtin(node, name, scope)
        else:
            self._look_at_environment(node, name)

    def _look_at_builtin(self, node: ast.Call, name: str, scope: Scope) -> None:
        if name in ("builtins.setattr", "builtins.delattr") and len(node.args) > 1:
            attribute = constant(node.args[1]) or "…"
            for owner in resolve(node.args[0], scope):
                self._notes.add_use(SETS, f"{owner}.{attribute}", node)
        elif name == "builtins.getattr" and len(node.args) > 1:
            self._look_at_getattr(node, scope)
        elif name in ("builtins.open", "io.open") and node.args:
            path = self._paths.evaluate(node.args[0], scope)
            self._notes.opened += [path] if path and path.endswith(".py") else []

    def _look_at_getattr(self, node: ast.Call, scope: Scope) -> None:
        if constant(node.args[1]) is None and "os" in resolve(node.args[0], scope):
            self._notes.add_use(USES, "os.…", node)

    def _look_at_environment(self, node: ast.Call, name: str) -> None:
        owner, _, method = name.rpartition(".")
        if name == "os.putenv" or (owner in ENVIRONMENTS and method == "setdefault"):
            self._notes.add_use(
                VARIABLE, constant(node.args[0]) or "" if node.args else "", node
            )
        elif owner in ENVIRONMENTS and method == "update":
            names = [keyword.arg for keyword in node.keywords]
            for argument in node.args:
                keys = argument.keys if isinstance(argument, ast.Dict) else ()
                names += [constant(key) for key in keys if key is not None]
            for variable in names:
                self._notes.add_use(VARIABLE, variable or "", node)

    def _add_imported(self, node: ast.Call) -> None:
        module = constant(node.args[0]) if node.args else None
        if module is not None:
            self._notes.add_import(module, (), node.lineno)
            return
        prefix = _prefix(node.args[0]) if node.args else ""
        if "." in prefix:
            self._notes.add_import(prefix.rpartition(".")[0], (ANY,), node.lineno)

    def _add_run(self, node: ast.Call, name: str, scope: Scope) -> None:
        text = constant(node.args[0]) if node.args else None
        if text is not None and name in RUN_TEXT:
            tree = _parse(text)
            if tree is not None:
                ast.increment_lineno(tree, node.lineno - 1)
                self._read_text(tree, make_scope(tree, self._package, scope))
            return
        for part in [one for argument in node.args for one in ast.walk(argument)]:
            path = self._paths.evaluate(part, scope)
            if path and not path.startswith("<"):
                self._notes.files.append(path)

    def add_folders(self, node: ast.expr, scope: Scope) -> None:
        for path in self._paths.list_added(node, scope):
            self._notes.folders.append((path, node.lineno))


def _parse(text: str) -> Optional[ast.Module]:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _prefix(node: ast.expr) -> str:
    """Return what a text begins with that is put together."""
    if isinstance(node, ast.BinOp):
        return (constant(node.left) or _prefix(node.left)).partition("%")[0]
    if isinstance(node, ast.JoinedStr) and node.values:
        return constant(node.values[0]) or ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return (constant(node.func.value) or "").partition("{")[0]
    return ""


def read_arguments(node: ast.Call, scope: Scope) -> Optional[Arguments]:
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
