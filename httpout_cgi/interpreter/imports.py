"""Imports of a run: local modules fresh from cached code, all others shared.

Local is what lies below the script's folder, or on a path that the run added to
sys.path.  Shared modules never see local ones while they are imported, for they
outlive the run.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec, resolve_name
from types import CodeType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence

from httpout_cgi.interpreter import (
    guarded_modules,
    local_modules,
    persistent,
    shared_modules,
)
from httpout_cgi.interpreter.local_files import NEVER_LOCAL
from httpout_cgi.interpreter.refusals import guard_module
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

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep

# Extension modules cannot be loaded twice: one for all runs, by path.
_extensions: Dict[str, ModuleType] = {}

# The builtins of all runs that do not change them; see script_builtins.py.
shared_builtins = ModuleType("builtins")


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
    if name == "httpout" and run.page is not None and not level:
        return run.page.find_view(globals)
    full_name = _absolute(name, globals, level) if level else name
    try:
        # Not asked for the likes of os and sys: most scripts import such.
        is_shared = full_name in NEVER_LOCAL and full_name not in run.modules
        module = None if is_shared else _load_local(run, full_name)
        if module is None:
            try:
                return _original_import(name, globals, locals, fromlist or (), level)
            except ModuleNotFoundError as exc:
                if exc.name != full_name.partition(".")[0] or not run.folders:
                    raise
                # It may be a file that the script has written since it started.
                run.folders.clear()
                module = _load_local(run, full_name)
                if module is None:
                    raise
        if not fromlist:
            return run.modules[full_name.partition(".")[0]]
        _load_submodules(run, module, fromlist)
        return module
    except BaseException as exc:
        _hide_own_frames(exc)
        raise


def _hide_own_frames(exc: BaseException) -> None:
    """Take what is ours, and behind the caller, out of a traceback; CPython does so."""
    trace = exc.__traceback__
    while trace is not None:
        following = trace.tb_next
        while following is not None and _is_hidden(following.tb_frame.f_code):
            following = following.tb_next
        trace.tb_next = following
        trace = following


def _is_hidden(code: CodeType) -> bool:
    return code.co_filename.startswith((_OWN_FOLDER, "<frozen importlib."))


def import_module(name: str, package: Optional[str] = None) -> ModuleType:
    """Stand in for importlib.import_module."""
    full_name = resolve_name(name, package) if name.startswith(".") else name
    import_name(full_name)
    run = current_for_changes()
    if run is not None and full_name in run.modules:
        return run.modules[full_name]
    module: ModuleType = process["modules"][full_name]
    return module


def find_local(run: RunContext, name: str) -> Optional[ModuleType]:
    """Return a module of the run alone, imported now if need be, or None."""
    try:
        return _load_local(run, name)
    except ModuleNotFoundError:
        return None  # others say it better


def reload(module: ModuleType) -> ModuleType:
    """Stand in for importlib.reload: local modules run again in their namespace."""
    run = current_for_changes()
    if run is None:
        return process["reload"](module)  # type: ignore[no-any-return]
    if not isinstance(module, ModuleType):
        raise TypeError("reload() argument must be a module")
    name = module.__spec__.name if module.__spec__ is not None else module.__name__
    if run.modules.get(name) is not module:
        return _reload_shared(name, module)
    found = local_modules.find(run, name)
    if found is None:
        raise ModuleNotFoundError(f"spec not found for the module {name!r}", name=name)
    module.__dict__["__spec__"] = found.spec
    _execute(run, found, module)
    return run.modules[name]


def _reload_shared(name: str, module: ModuleType) -> ModuleType:
    shared: object = process["modules"].get(name)
    if shared is not module:
        raise ImportError(f"module {name} not in sys.modules", name=name)
    if name in sys.builtin_module_names:
        return module  # as in CPython: there is nothing that could be loaded again
    guarded_modules.refuse(f"importlib.reload({name})")


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
        found: ModuleType = process["_find_and_load"](name, import_)
    guard_module(name, found)
    if run is not None:
        shared_modules.guard_new()
    return found


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


def _find_loaded(run: RunContext, name: str) -> Optional[ModuleType]:
    module = run.modules.get(name)
    if module is None and name in run.modules:
        message = f"import of {name} halted; None in sys.modules"
        raise ModuleNotFoundError(message, name=name)
    return module


def _load_local(
    run: RunContext, name: str, *, must_exist: bool = True
) -> Optional[ModuleType]:
    """Return a local module, loaded with all its parents, or None if it is shared.

    Raises ModuleNotFoundError for a part that a local package does not have.
    """
    module = _find_loaded(run, name)
    if module is not None:
        if name == "__main__" and persistent.is_importing():
            return None  # a kept module binds to what leads to each run's
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
    if found.code is None and isinstance(found.spec.loader, ExtensionFileLoader):
        module = run.modules[name] = _extension(found.spec)
    else:
        module = _load_kept(run, name, found) or _load_new(run, name, found, parent)
    if parent is not None:
        setattr(parent, tail, module)
    return module


def _load_new(
    run: RunContext,
    name: str,
    found: local_modules.Found,
    parent: Optional[ModuleType],
) -> ModuleType:
    before = persistent.look(run) if _is_kept(run, found) else None
    module = module_from_spec(found.spec)
    run.modules[name] = module
    if parent is not None:
        # Before it runs: "from . import name" in a cycle must find it.
        setattr(parent, name.rpartition(".")[2], module)
    # What a kept module imports is kept with it.
    if before is None and not persistent.is_importing():
        run.loaded.append(module)
    try:
        if before is None:
            _execute(run, found, module)
        else:
            with persistent.importing():
                _execute(run, found, module)
    except BaseException:
        run.modules.pop(name, None)
        raise
    if before is not None and found.code is not None and _is_kept(run, found):
        persistent.keep(run, (name, str(found.spec.origin)), found.code, before)
    return run.modules.get(name, module)


def _execute(run: RunContext, found: local_modules.Found, module: ModuleType) -> None:
    spec: Any = found.spec
    # What import errors look at: is the module, perhaps in a cycle, half done?
    spec._initializing = True
    try:
        if found.code is None:
            _run_loader(spec, module)
        else:
            module.__dict__["__builtins__"] = run.builtins.__dict__
            if run.page is not None:
                run.page.add_names(module.__dict__)
            shared_modules.prepare(run, found.code)
            exec(found.code, module.__dict__)
    finally:
        spec._initializing = False


def _run_loader(spec: ModuleSpec, module: ModuleType) -> None:
    """Let a loader of the script's own, without code objects, do its work."""
    loader: Any = spec.loader
    if hasattr(loader, "exec_module"):
        loader.exec_module(module)
    else:
        loader.load_module(spec.name)


def _is_kept(run: RunContext, found: local_modules.Found) -> bool:
    return (
        found.code is not None
        and found.spec.origin is not None
        # A module that changes the builtins must do so for each run.
        and run.builtins is shared_builtins
        and persistent.keeps_modules(run)
    )


def _load_kept(
    run: RunContext, name: str, found: local_modules.Found
) -> Optional[ModuleType]:
    if found.code is None or not _is_kept(run, found):
        return None
    return persistent.take(run, (name, str(found.spec.origin)), found.code)


def _extension(spec: ModuleSpec) -> ModuleType:
    origin = spec.origin or spec.name
    module = _extensions.get(origin)
    if module is None:
        with importing_shared():
            module = module_from_spec(spec)
            if spec.loader is not None:
                spec.loader.exec_module(module)
        guarded_modules.guard(module)
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
