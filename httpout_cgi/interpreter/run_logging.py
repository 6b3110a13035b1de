"""logging for each run: whatever a script does to it ends with the run.

Functions of the module read global names: stand-ins are there, which show the run's
value.  Scripts get and set attributes: the module's class has properties.  Among them
is the module's lock, for a script may be interrupted while it holds it.
"""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections import ChainMap
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List
from weakref import WeakValueDictionary

from httpout_cgi.interpreter import run_loggers
from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import (
    AT_EXIT,
    PerRun,
    RunContext,
    current,
    current_for_changes,
    is_importing_shared,
    replace,
    undoing,
)

# Any: the module's own names.
_namespace: Dict[str, Any] = logging.__dict__
# What stood where the stand-ins stand now; filled by install().
_original: Dict[str, Any] = {}

_FLAGS = tuple(
    name
    for name in ("logThreads", "logMultiprocessing", "logProcesses", "logAsyncioTasks")
    if name in _namespace
)

# What libraries fill while they are imported.
_OF_LIBRARIES = frozenset(
    ("_handlers", "_handlerList", "_levelToName", "_nameToLevel", "_logRecordFactory")
)
_NAMES = (
    *("_lock", "_srcfile", "_startTime", "lastResort", "raiseExceptions"),
    *_OF_LIBRARIES,
    *_FLAGS,
)
_current = current.get
_original_capture = logging.captureWarnings


class _LevelNames(ChainMap):  # type: ignore[type-arg] # Python 3.8 has no ChainMap[]
    """A run's names of levels before those that libraries have added."""

    def copy(self) -> Dict[Any, Any]:  # type: ignore[override] # as the original
        return dict(self)


class _Values(Dict[str, Any]):
    """The run's values of global names."""

    def __missing__(self, name: str) -> Any:
        if name != "lastResort":
            raise KeyError(name)
        # Not before it is needed: it enters itself in the list of handlers.
        return self.setdefault(name, _namespace["_StderrHandler"](logging.WARNING))


def _new_values(run: RunContext) -> _Values:
    start = _original["_startTime"]
    values = _Values(
        _lock=threading.RLock(),
        _handlers=WeakValueDictionary(),
        _handlerList=[],
        _levelToName=_LevelNames({}, _original["_levelToName"]),
        _nameToLevel=_LevelNames({}, _original["_nameToLevel"]),
        _logRecordFactory=_original["_logRecordFactory"],
        _srcfile=_original["_srcfile"],
        # Python 3.13 counts nanoseconds.
        _startTime=time.time_ns() if isinstance(start, int) else time.time(),
        _warnings_showwarning=None,
        raiseExceptions=True,
    )
    values.update((name, True) for name in _FLAGS)
    return values


def _shut_down(run: RunContext, values: _Values) -> None:
    logging.shutdown(values["_handlerList"])


_state = PerRun(_new_values, _shut_down, AT_EXIT)


# Any: whatever a global name of logging holds.
def _find_value(name: str) -> Any:
    run = _current()
    if run is not None and name in _OF_LIBRARIES:
        run = current_for_changes()
    return _original[name] if run is None else _state.of(run)[name]


class _StandIn:
    """A global name, for functions that read it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(_find_value(self._name), name)

    def __bool__(self) -> bool:
        return bool(_find_value(self._name))

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return _find_value(self._name)(*arguments, **keywords)

    def __enter__(self) -> Any:
        return _find_value(self._name).__enter__()

    def __exit__(self, *exception: object) -> Any:
        return _find_value(self._name).__exit__(*exception)

    def __contains__(self, key: object) -> bool:
        return key in _find_value(self._name)

    def __getitem__(self, key: Any) -> Any:
        return _find_value(self._name)[key]

    def __setitem__(self, key: Any, value: object) -> None:
        _find_value(self._name)[key] = value

    def __delitem__(self, key: Any) -> None:
        del _find_value(self._name)[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(_find_value(self._name))

    def __len__(self) -> int:
        return len(_find_value(self._name))

    def __eq__(self, other: object) -> bool:
        return bool(_find_value(self._name) == other)

    __hash__ = None  # type: ignore[assignment] # as what it stands in for

    def __rsub__(self, other: Any) -> Any:
        return other - _find_value(self._name)


_stand_ins: Dict[str, _StandIn] = {name: _StandIn(name) for name in _NAMES}


class _RunLogging(GuardedModule):
    """The class of logging while the stand-ins are installed."""


def _property(name: str) -> property:
    def get(module: ModuleType) -> Any:
        # A shared module that is imported binds to what outlives the run.
        return _stand_ins[name] if is_importing_shared.get() else _find_value(name)

    def set_value(module: ModuleType, value: Any) -> None:
        run = current.get()
        if run is None:
            _original[name] = value
        else:
            _state.of(run)[name] = value

    return property(get, set_value)


for _name in _NAMES:
    setattr(_RunLogging, _name, _property(_name))


# Any: a class or function that makes records.
def _set_factory(factory: Any) -> None:
    """Stand in for setLogRecordFactory()."""
    run = current_for_changes()
    if run is None:
        _original["_logRecordFactory"] = factory
    else:
        _state.of(run)["_logRecordFactory"] = factory


def _get_factory() -> Any:
    """Stand in for getLogRecordFactory()."""
    return _find_value("_logRecordFactory")


def _capture_warnings(capture: bool) -> None:
    """Stand in for captureWarnings()."""
    run = current.get()
    if run is None:
        _original_capture(capture)
        return
    values = _state.of(run)
    kept = values["_warnings_showwarning"]
    if capture and kept is None:
        values["_warnings_showwarning"] = warnings.showwarning
        warnings.showwarning = _namespace["_showwarning"]
    elif not capture and kept is not None:
        warnings.showwarning = kept
        values["_warnings_showwarning"] = None


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = [run_loggers.install()]
    for name, stand_in in _stand_ins.items():
        _original[name] = _namespace[name]
        _namespace[name] = stand_in
    undo.append(_restore)
    replace(logging, "setLogRecordFactory", _set_factory, undo)
    replace(logging, "getLogRecordFactory", _get_factory, undo)
    replace(logging, "captureWarnings", _capture_warnings, undo)
    # It is registered with atexit already, so it stays, and its list changes.
    replace(logging.shutdown, "__defaults__", (_stand_ins["_handlerList"],), undo)
    replace(logging, "__class__", _RunLogging, undo)
    return undoing(undo)


def _restore() -> None:
    for name in _stand_ins:
        _namespace[name] = _original.pop(name)
