"""Finding local modules: below the script's folder, or on paths that the run added.

Most names are not local; that costs one look-up.  Must not run anything.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType
from typing import Dict, List, NamedTuple, Optional, Sequence

from httpout_cgi.interpreter import local_files
from httpout_cgi.interpreter.run_context import RunContext, importing_shared, process

# Imported before a script's folder is on the path: these are never local.
_NEVER_LOCAL = frozenset(
    (
        *sys.builtin_module_names,
        *("_collections_abc", "_sitebuiltins", "abc", "codecs", "encodings"),
        *("genericpath", "io", "os", "posixpath", "site", "stat", "zipimport"),
    )
)


class Found(NamedTuple):
    """A local module: its spec and its code; an extension has none."""

    spec: ModuleSpec
    code: Optional[CodeType]


def may_be_local(run: RunContext, name: str) -> bool:
    """Tell quickly that a module is shared; the folder is read once per run."""
    if name in _NEVER_LOCAL:
        return False
    if "search_path" in run.__dict__:
        return True
    names = _names(run, run.directory)
    return names is None or name in names


def _names(run: RunContext, folder: str) -> Optional[local_files.Names]:
    folders: Dict[str, Optional[local_files.Names]] = run.folders
    if folder not in folders:
        folders[folder] = local_files.list_names(folder)
    return folders[folder]


def find(run: RunContext, name: str) -> Optional[Found]:
    """Find a local module, whose parent package has been loaded.

    Raises SyntaxError or ValueError if its source cannot be compiled.
    """
    parent, _, tail = name.rpartition(".")
    if parent:
        return _find_in(run, name, tail, list(run.modules[parent].__path__))
    before, behind = _local_folders(run)
    found = _find_in(run, name, tail, before)
    if found is not None and _is_namespace(found.spec) and _is_shared(name):
        # A folder of data beside the script: any real module of the name wins.
        return None
    if found is None and behind and not _is_shared(name):
        found = _find_in(run, name, tail, behind)
    return found


def _local_folders(run: RunContext) -> List[List[str]]:
    """Return the folders that come before the shared ones on sys.path, and behind."""
    if "search_path" not in run.__dict__:
        return [[run.directory], []]
    shared = set(process["path"])
    folders: List[List[str]] = [[], []]
    is_behind = False
    for entry in run.search_path:
        if entry in shared and entry != run.directory:
            is_behind = True
        elif isinstance(entry, str):
            # Relative to what is the working directory now.
            folders[is_behind].append(os.path.abspath(entry))
    return folders


def _is_shared(name: str) -> bool:
    with importing_shared():
        return name in process["modules"] or bool(PathFinder.find_spec(name))


def _find_in(
    run: RunContext, name: str, tail: str, folders: Sequence[str]
) -> Optional[Found]:
    for folder in folders:
        names = _names(run, folder)
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
    if _is_namespace(spec):
        return Found(spec, compile("", "<namespace>", "exec"))
    get_code = getattr(spec.loader, "get_code", None)
    return Found(spec, get_code(name) if get_code is not None else None)


def _is_namespace(spec: ModuleSpec) -> bool:
    return spec.origin is None and spec.submodule_search_locations is not None
