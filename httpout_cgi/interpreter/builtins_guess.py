"""Whether a run will change its builtins: a guess, before it starts.

A frame cannot get other builtins once it runs.  So the script's source is looked
through, and that of the local modules that it seems to import.
"""

from __future__ import annotations

import os
from typing import AbstractSet, Optional, Set

from httpout_cgi.interpreter import local_files, local_modules, shared_modules
from httpout_cgi.interpreter.code_cache import Compiled
from httpout_cgi.interpreter.run_context import RunContext

# Scripts of which the guess was wrong: their next run will do better.
_known: Set[str] = set()
_LIMIT = 4096


def changes_builtins(run: RunContext, compiled: Compiled) -> bool:
    """Tell whether the run needs builtins of its own, rather too often."""
    if compiled.changes_builtins or run.script_path in _known:
        return True
    imported = shared_modules.look_at(compiled.code).imported
    return bool(imported) and _imports_such(run, imported, run.directory, set())


def remember(run: RunContext) -> None:
    """Note that the run has changed its builtins unexpectedly."""
    if len(_known) >= _LIMIT:
        _known.clear()
    _known.add(run.script_path)


def _imports_such(
    run: RunContext, imported: AbstractSet[str], folder: str, visited: Set[str]
) -> bool:
    names = local_modules.list_names(run, folder)
    if not names or names.keys().isdisjoint(imported):
        return False  # so it is for most, and quickly
    return any(
        _is_such(run, os.path.join(folder, name), names[name], visited)
        for name in imported
        if name in names
    )


def _is_such(run: RunContext, base: str, kind: int, visited: Set[str]) -> bool:
    if base in visited:
        return False
    visited.add(base)
    if kind & local_files.FOLDER:
        folder, path = base, os.path.join(base, "__init__.py")
    else:
        folder, path = os.path.dirname(base), base + ".py"
    compiled = _load(run, path)
    if compiled is None:
        return False
    imported = shared_modules.look_at(compiled.code).imported
    return compiled.changes_builtins or _imports_such(run, imported, folder, visited)


def _load(run: RunContext, path: str) -> Optional[Compiled]:
    try:
        return run.load(path)
    except (OSError, SyntaxError, ValueError):
        return None  # the import will tell
