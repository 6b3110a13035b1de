"""Finding local modules: below the script's folder, or on paths that the run added.

Most names are not local; that costs one look-up.  Must not run anything.
"""

from __future__ import annotations

import os
from importlib.machinery import (
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import spec_from_file_location, spec_from_loader
from types import CodeType
from typing import Any, Dict, List, NamedTuple, Optional, Sequence
from zipimport import zipimporter

from httpout_cgi.interpreter import local_files, system
from httpout_cgi.interpreter.run_context import RunContext, importing_shared, process

# Loaders that would only run the code.
_WITH_CODE = (SourceFileLoader, SourcelessFileLoader, zipimporter)


class Found(NamedTuple):
    """A local module: its spec and its code; None is left to the spec's loader."""

    spec: ModuleSpec
    code: Optional[CodeType]


def may_be_local(run: RunContext, name: str) -> bool:
    """Tell quickly that a module is shared; the folder is read once per run."""
    if name in local_files.NEVER_LOCAL:
        return False
    if "search_path" in run.__dict__ or (run.parts and any(system.own_finders(run))):
        return True
    names = list_names(run, run.directory)
    return names is None or name in names


def list_names(run: RunContext, folder: str) -> Optional[local_files.Names]:
    """Return what a folder has, by name; None for what is no folder."""
    if run.parts and system.has_own_path_hooks(run):
        return None  # they may know what to make of anything
    folders: Dict[str, Optional[local_files.Names]] = run.folders
    if folder not in folders:
        folders[folder] = local_files.list_names(folder)
    return folders[folder]


def find(run: RunContext, name: str) -> Optional[Found]:
    """Find a local module, whose parent package has been loaded.

    Raises SyntaxError or ValueError if its source cannot be compiled.
    """
    before, behind = system.own_finders(run) if run.parts else ([], [])
    parent = name.rpartition(".")[0]
    path = list(run.modules[parent].__path__) if parent else None
    found = _ask(before, name, path)
    if found is None:
        found = _find_on_path(run, name) if path is None else _find_in(run, name, path)
    if found is None and behind and (parent or not _is_shared(name)):
        found = _ask(behind, name, path)
    return found


# Any: finders are what scripts put into sys.meta_path.
def _ask(
    finders: Sequence[Any], name: str, path: Optional[Sequence[str]]
) -> Optional[Found]:
    for finder in finders:
        if hasattr(finder, "find_spec"):
            spec = finder.find_spec(name, path, None)
        else:  # before Python 3.12
            loader = finder.find_module(name, path)
            spec = loader and spec_from_loader(name, loader)
        if spec is not None:
            return _found(spec)
    return None


def _find_on_path(run: RunContext, name: str) -> Optional[Found]:
    before, behind = _local_folders(run)
    found = _find_in(run, name, before)
    if found is not None and _is_namespace(found.spec) and _is_shared(name):
        # A folder of data beside the script: any real module of the name wins.
        return None
    if found is None and behind and not _is_shared(name):
        found = _find_in(run, name, behind)
    return found


def _local_folders(run: RunContext) -> List[List[str]]:
    """Return the folders that come before the shared ones on sys.path, and behind."""
    if "search_path" not in run.__dict__:
        return [[run.directory], []]
    shared = set(process["path"])
    folders: List[List[str]] = [[], []]
    is_behind = False
    is_hooked = bool(run.parts) and system.has_own_path_hooks(run)
    for entry in run.search_path:
        if entry in shared and entry != run.directory:
            is_behind = True
        elif isinstance(entry, str):
            # Relative to what is the working directory now.
            path = entry if is_hooked else os.path.abspath(entry)
            folders[is_behind].append(path)
    return folders


def _is_shared(name: str) -> bool:
    with importing_shared():
        return name in process["modules"] or bool(PathFinder.find_spec(name))


def _find_in(run: RunContext, name: str, folders: Sequence[str]) -> Optional[Found]:
    tail = name.rpartition(".")[2]
    for folder in folders:
        names = list_names(run, folder)
        kind = local_files.OTHER if names is None else names.get(tail, 0)
        if not kind:
            continue
        found = _find_source(run, name, os.path.join(folder, tail), kind)
        if found is None and kind != local_files.SOURCE:
            found = _find_other(name, folder)
        if found is not None:
            return found
    return None


def _find_source(run: RunContext, name: str, base: str, kind: int) -> Optional[Found]:
    if kind & local_files.FOLDER:
        try:
            return _source(run, name, os.path.join(base, "__init__.py"), base)
        except (FileNotFoundError, NotADirectoryError):
            pass  # a folder that is no package: a module of the name may follow
    if kind & local_files.SOURCE:
        try:
            return _source(run, name, base + ".py", None)
        except FileNotFoundError:
            pass  # deleted since the folder was listed
    return None


def _source(run: RunContext, name: str, path: str, package: Optional[str]) -> Found:
    compiled = run.load(path)
    spec = spec_from_file_location(
        name,
        path,
        loader=SourceFileLoader(name, path),
        submodule_search_locations=None if package is None else [package],
    )
    assert spec is not None
    return Found(spec, compiled.code)


def _find_other(name: str, folder: str) -> Optional[Found]:
    """Find what is no source file: extensions, .pyc files, namespaces, zip files."""
    spec = PathFinder.find_spec(name, [folder])
    if spec is None:
        return None
    return _found(spec)


def _found(spec: ModuleSpec) -> Found:
    if _is_namespace(spec):
        return Found(spec, compile("", "<namespace>", "exec"))
    loader: Any = spec.loader
    is_known = type(loader) in _WITH_CODE
    return Found(spec, loader.get_code(spec.name) if is_known else None)


def _is_namespace(spec: ModuleSpec) -> bool:
    return spec.loader is None and spec.submodule_search_locations is not None
