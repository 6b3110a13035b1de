"""Imports of a run: local modules fresh from cached code, all others shared.

Local is what lies below the script's folder, or on a path that the run added to
sys.path.  Shared modules never see local ones while they are imported, for they
outlive the run.
"""

from __future__ import annotations

import builtins
import importlib
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, resolve_name
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence

from httpout_cgi.interpreter import local_modules
from httpout_cgi.interpreter.run_context import (
    RunContext,
    current_for_changes,
    importing_shared,
    process,
    replace,
    undoing,
)

_original_import = builtins.__import__
_bootstrap: Any = importlib._bootstrap

# Extension modules cannot be loaded twice: one for all runs, by path.
_extensions: Dict[str, ModuleType] = {}


def import_name(
    name: str,
    globals: Optional[Dict[str, Any]] = None,
    locals: Optional[Dict[str, Any]] = None,
    fromlist: Optional[Sequence[str]] = (),
    level: int = 0,
) -> ModuleType:
    """Stand in for ``__import__`` in scripts and in their local modules."""
    run = current_for_changes()
    if run is None:
        return _original_import(name, globals, locals, fromlist or (), level)
    full_name = _absolute(name, globals, level) if level else name
    if _load_local(run, full_name) is None:
        try:
            return _original_import(name, globals, locals, fromlist or (), level)
        except ModuleNotFoundError as exc:
            # It may be a file that the script has written since it started.
            if exc.name != full_name.partition(".")[0] or not run.folders:
                raise
        run.folders.clear()
        if _load_local(run, full_name) is None:
            raise ModuleNotFoundError(f"No module named {full_name!r}", name=full_name)
    if not fromlist:
        return run.modules[full_name.partition(".")[0]]
    module = run.modules[full_name]
    _load_submodules(run, module, fromlist)
    return module


def import_module(name: str, package: Optional[str] = None) -> ModuleType:
    """Stand in for importlib.import_module."""
    full_name = resolve_name(name, package) if name.startswith(".") else name
    import_name(full_name)
    run = current_for_changes()
    if run is not None and full_name in run.modules:
        return run.modules[full_name]
    module: ModuleType = process["modules"][full_name]
    return module


def reload(module: ModuleType) -> ModuleType:
    """Stand in for importlib.reload: local modules run again in their namespace."""
    run = current_for_changes()
    name = module.__name__
    if run is None or run.modules.get(name) is not module:
        return process["reload"](module)  # type: ignore[no-any-return]
    found = local_modules.find(run, name)
    if found is None or found.code is None:
        raise ModuleNotFoundError(f"spec not found for the module {name!r}", name=name)
    exec(found.code, module.__dict__)
    return run.modules[name]


def _find_and_load(name: str, import_: Callable[..., ModuleType]) -> ModuleType:
    """Stand in for importlib's: it is asked for what sys.modules does not have.

    Imports in functions of shared modules come here, and imports by C code.
    """
    run = current_for_changes()
    if run is not None:
        module = _load_local(run, name)
        if module is not None:
            return module
    with importing_shared():
        return process["_find_and_load"](name, import_)  # type: ignore[no-any-return]


def _absolute(name: str, namespace: Optional[Dict[str, Any]], level: int) -> str:
    package = (namespace or {}).get("__package__")
    if package is None and namespace is not None:
        # As importlib does it: a package's name is its own parent.
        package = namespace.get("__name__", "")
        if "__path__" not in namespace:
            package = package.rpartition(".")[0]
    if not package:
        raise ImportError("attempted relative import with no known parent package")
    return resolve_name("." * level + name, package)


def _load_submodules(run: RunContext, module: ModuleType, names: Sequence[str]) -> None:
    """Load what ``from package import names`` may mean (importlib does the same)."""
    if not hasattr(module, "__path__"):
        return
    if "*" in names:
        names = [*names, *getattr(module, "__all__", ())]
    for name in names:
        if name != "*" and not hasattr(module, name):
            _load_local(run, f"{module.__name__}.{name}", must_exist=False)


def _load_local(
    run: RunContext, name: str, *, must_exist: bool = True
) -> Optional[ModuleType]:
    """Return a local module, loaded with all its parents, or None if it is shared.

    Raises ModuleNotFoundError for a part that a local package does not have.
    """
    module = run.modules.get(name)
    if module is not None:
        return module
    parent_name, _, tail = name.rpartition(".")
    parent: Optional[ModuleType] = None
    if parent_name:
        parent = _load_local(run, parent_name)
        if parent is None:
            return None
        if not hasattr(parent, "__path__"):
            raise ModuleNotFoundError(
                f"No module named {name!r}; {parent_name!r} is not a package", name=name
            )
    elif not local_modules.may_be_local(run, name):
        return None
    # Two threads of the run may want the same module.
    with run.import_lock:
        if name in run.modules:
            return run.modules[name]
        found = local_modules.find(run, name)
        if found is not None:
            return _load(run, name, found, parent, tail)
    if parent is not None and must_exist:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return None


def _load(
    run: RunContext,
    name: str,
    found: local_modules.Found,
    parent: Optional[ModuleType],
    tail: str,
) -> ModuleType:
    if found.code is None:
        module = _extension(found.spec)
        run.modules[name] = module
    else:
        module = module_from_spec(found.spec)
        module.__dict__["__builtins__"] = run.builtins.__dict__
        run.modules[name] = module
        run.loaded.append(module)
        if parent is not None:
            # Before it runs: "from . import name" in a cycle must find it.
            setattr(parent, tail, module)
        try:
            exec(found.code, module.__dict__)
        except BaseException:
            run.modules.pop(name, None)
            raise
        module = run.modules.get(name, module)
    if parent is not None:
        setattr(parent, tail, module)
    return module


def _extension(spec: ModuleSpec) -> ModuleType:
    origin = spec.origin or spec.name
    module = _extensions.get(origin)
    if module is None:
        with importing_shared():
            module = module_from_spec(spec)
            if spec.loader is not None:
                spec.loader.exec_module(module)
        _extensions[origin] = module
    return module


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    process["reload"] = importlib.reload
    process["_find_and_load"] = _bootstrap._find_and_load
    replace(importlib, "import_module", import_module, undo)
    replace(importlib, "reload", reload, undo)
    replace(_bootstrap, "_find_and_load", _find_and_load, undo)
    return undoing(undo)
