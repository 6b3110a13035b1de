"""Files that a script loads by hand: importlib's loaders, runpy, imp.

They get the script's builtins, so that their own imports find local modules, and
their code comes from our cache: no .pyc files, which would be stale for a second.
"""

from __future__ import annotations

import importlib
import importlib.abc
import runpy
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, Callable, Dict, List

from httpout_cgi.interpreter import guarded_modules, persistent, shared_modules
from httpout_cgi.interpreter.run_context import (
    current_for_changes,
    process,
    replace,
    undoing,
)

_external: Any = importlib._bootstrap_external
_get_code = _external.SourceLoader.get_code
_exec_module = _external._LoaderBasics.exec_module
_run_code: Callable[..., Any] = runpy._run_code  # type: ignore[attr-defined]


def _get_code_in_run(loader: Any, name: str) -> CodeType:
    run = current_for_changes()
    if run is None or type(loader) is not SourceFileLoader:
        return _get_code(loader, name)  # type: ignore[no-any-return]
    path = loader.get_filename(name)
    try:
        return run.load(path).code
    except OSError:
        return _get_code(loader, name)  # type: ignore[no-any-return]  # its error


def _exec_module_in_run(loader: Any, module: ModuleType) -> None:
    run = current_for_changes()
    if run is None:
        _exec_module(loader, module)
        return
    code = loader.get_code(module.__name__)
    if code is None:
        _exec_module(loader, module)  # its error
        return
    if process["modules"].get(module.__name__) is module:
        # As imp.load_source("os", ...) does.
        guarded_modules.refuse(f"loading {module.__name__} again")
    module.__dict__.setdefault("__builtins__", run.builtins.__dict__)
    if not persistent.is_importing():
        run.loaded.append(module)
    shared_modules.prepare(run, code)
    exec(code, module.__dict__)


# Any: what runpy passes is its own business.
def _run_code_in_run(code: Any, namespace: Dict[str, Any], *others: Any) -> Any:
    run = current_for_changes()
    if run is not None:
        namespace.setdefault("__builtins__", run.builtins)
        # Source, too, passes through here.
        if isinstance(code, CodeType):
            shared_modules.prepare(run, code)
    return _run_code(code, namespace, *others)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(_external.SourceLoader, "get_code", _get_code_in_run, undo)
    for owner in (_external._LoaderBasics, importlib.abc.InspectLoader):
        replace(owner, "exec_module", _exec_module_in_run, undo)
    replace(runpy, "_run_code", _run_code_in_run, undo)
    return undoing(undo)
