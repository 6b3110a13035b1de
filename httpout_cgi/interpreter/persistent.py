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
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from httpout_cgi.interpreter import lifetime, local_files
from httpout_cgi.interpreter.code_cache import Compiled
from httpout_cgi.interpreter.namespaces import clear
from httpout_cgi.interpreter.run_context import PerRun, RunContext, inherited

# A module's name and the file it comes from.
Key = Tuple[str, str]
LoadModule = Callable[[str], Compiled]


# Names of variables that say what the request is begin so.
_OF_REQUEST = (
    *("AUTH_", "CONTENT_", "HTTP", "PATH_", "QUERY_", "REDIRECT_", "REMOTE_"),
    *("REQUEST_", "SCRIPT_", "SERVER_", "SSL_"),
)


class State(NamedTuple):
    """What importing a module may change, and later runs find changed."""

    modules: Dict[str, ModuleType]
    path: List[str]
    environment: Dict[str, str]


class _Added(NamedTuple):
    """What importing a module has added; variables with their values before."""

    modules: Dict[str, ModuleType]
    path: List[str]
    environment: Dict[str, Tuple[Optional[str], str]]


class _Module(NamedTuple):
    """A kept module, and what importing it has added."""

    module: ModuleType
    code: CodeType
    added: _Added


class _Folder:
    """What a thread keeps for the scripts of a folder."""

    def __init__(self, names: Optional[local_files.Names]) -> None:
        self.names = names
        # Set when a file has changed in the middle of a run.
        self.is_stale = False
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


def _end(run: RunContext, session: _Session) -> None:
    if lifetime.has_threads(run):
        # They go on beside the next run, which must not meet them in there.
        _thread.folders.pop(run.directory, None)


_thread = _Thread()
_sessions: PerRun[_Session] = PerRun(_none, _end)
_importing: ContextVar[bool] = ContextVar("importing_kept", default=False)
inherited.append(_importing)


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
    codes = [(path, kept.code) for (_, path), kept in folder.modules.items()]
    try:
        return not folder.is_stale and all(
            load(path).code is code for path, code in codes
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
    if kept is None:
        return None
    if kept.code is not code:
        session.folder.is_stale = True
        return None
    session.taken.add(key)
    run.modules[key[0]] = kept.module
    _add(run, kept.added)
    return kept.module


def _add(run: RunContext, added: _Added) -> None:
    for name, module in added.modules.items():
        run.modules.setdefault(name, module)
    path = [entry for entry in added.path if entry not in run.search_path]
    if path:
        run.search_path[:0] = path
    for name, (before, value) in added.environment.items():
        # What the module has made of another request is not for this one: REMOTE_USER
        # from a cookie, say, would make somebody else of its client (CWE-488).
        is_of_request = name.startswith(_OF_REQUEST)
        if not is_of_request and run.environment.get(name) == before:
            run.environment[name] = value


@contextmanager
def importing() -> Iterator[None]:
    """Load a module that outlives the run: it must bind to what does so, too."""
    token = _importing.set(True)
    try:
        yield
    finally:
        _importing.reset(token)


def look(run: RunContext) -> State:
    """Return what the run has now."""
    return State(dict(run.modules), list(run.search_path), dict(run.environment))


def keep(run: RunContext, key: Key, code: CodeType, before: State) -> None:
    """Keep a module that has been loaded, and what that has added."""
    session = _sessions.find(run)
    module = run.modules.get(key[0])
    if session is not None and isinstance(module, ModuleType):
        session.folder.modules[key] = _Module(module, code, _subtract(run, before))
        session.taken.add(key)


def _subtract(run: RunContext, before: State) -> _Added:
    modules = {
        name: module
        for name, module in run.modules.items()
        if name not in before.modules
    }
    path = [entry for entry in run.search_path if entry not in before.path]
    environment = {
        name: (before.environment.get(name), value)
        for name, value in run.environment.items()
        if before.environment.get(name) != value
    }
    return _Added(modules, path, environment)


def keeps_modules(run: RunContext) -> bool:
    """Tell whether the run keeps its local modules."""
    return _sessions.find(run) is not None
