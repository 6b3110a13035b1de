"""Local modules that are kept for the next run: once per script folder and thread.

A thread has its own, so no two runs touch one at the same time, and what is bound to
a thread (sqlite3 connections) goes on working.  All of a folder's are dropped when
one of their files has changed, for they refer to each other.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType, ModuleType
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Set, Tuple

from httpout_cgi.interpreter import local_files
from httpout_cgi.interpreter.code_cache import Compiled
from httpout_cgi.interpreter.namespaces import clear
from httpout_cgi.interpreter.run_context import PerRun, RunContext

# A module's name and the file it comes from.
Key = Tuple[str, str]
LoadModule = Callable[[str], Compiled]


class _Module(NamedTuple):
    """A kept module, and the local modules that came along when it was loaded."""

    module: ModuleType
    code: CodeType
    brought: Dict[str, ModuleType]


class _Folder:
    """What a thread keeps for the scripts of a folder."""

    def __init__(self, names: Optional[local_files.Names]) -> None:
        self.names = names
        self.modules: Dict[Key, _Module] = {}


class _Session:
    """What a run has of it: each module once, for it may ask for a fresh one."""

    def __init__(self, folder: _Folder) -> None:
        self.folder = folder
        self.taken: Set[Key] = set()


class _Thread(threading.local):
    """The folders of the current thread."""

    def __init__(self) -> None:
        self.folders: Dict[str, _Folder] = {}


def _none(run: RunContext) -> _Session:
    raise LookupError("this run keeps no modules")


_thread = _Thread()
_sessions: PerRun[_Session] = PerRun(_none)
_importing: ContextVar[bool] = ContextVar("importing_kept", default=False)


def prepare(run: RunContext, load: LoadModule) -> None:
    """Let a run, which starts on this thread, use and keep local modules.

    What is kept is checked with ``load``, which returns a file's code as it is now.
    """
    folders, directory = _thread.folders, run.directory
    names = local_files.list_names(directory)
    folder = folders.get(directory)
    if folder is None or folder.names != names or not _is_fresh(folder, load):
        if folder is not None:
            _drop(folder)
        folders[directory] = folder = _Folder(names)
    run.parts[_sessions] = _Session(folder)


def _is_fresh(folder: _Folder, load: LoadModule) -> bool:
    try:
        return all(
            load(path).code is kept.code for (_, path), kept in folder.modules.items()
        )
    except (OSError, SyntaxError, ValueError):
        return False


def _drop(folder: _Folder) -> None:
    """Free the modules now: their functions and namespaces refer to each other."""
    for kept in reversed(list(folder.modules.values())):
        clear(kept.module.__dict__)


def is_importing() -> bool:
    """Tell whether a module is being loaded that outlives the run."""
    return _importing.get()


def take(run: RunContext, key: Key, code: CodeType) -> Optional[ModuleType]:
    """Return a kept module, if there is one of that code, and note it in the run."""
    session = _sessions.find(run)
    if session is None or key in session.taken:
        return None
    kept = session.folder.modules.get(key)
    if kept is None or kept.code is not code:
        return None
    session.taken.add(key)
    run.modules[key[0]] = kept.module
    for name, module in kept.brought.items():
        run.modules.setdefault(name, module)
    return kept.module


@contextmanager
def importing() -> Iterator[None]:
    """Load a module that outlives the run: it must bind to what does so, too."""
    token = _importing.set(True)
    try:
        yield
    finally:
        _importing.reset(token)


def keep(
    run: RunContext, key: Key, code: CodeType, brought: Dict[str, ModuleType]
) -> None:
    """Keep a module that has been loaded, and what came along."""
    session = _sessions.find(run)
    module = run.modules.get(key[0])
    if session is not None and isinstance(module, ModuleType):
        session.folder.modules[key] = _Module(module, code, brought)
        session.taken.add(key)


def keeps_modules(run: RunContext) -> bool:
    """Tell whether the run keeps its local modules."""
    return _sessions.find(run) is not None
