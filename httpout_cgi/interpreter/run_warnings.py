"""warnings for each run: its filters, its hooks, and what it has been warned of.

C code reads the module's attributes (``filters``, ``_showwarnmsg``): properties show
it the run's.  Python code in the module reads names: stand-ins are there.  The C
version counter of the filters is never touched by a run, for it would make all runs
warn again; the run's own registries are cleared instead.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from types import FrameType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Type

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    importing_shared,
    is_importing_shared,
    process,
    replace,
    undoing,
)

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Where the frames of a script end.
_BOTTOM = _OWN_FOLDER + "execute.py"
# What C code takes for the place of a warning when there are not as many frames.
_NOWHERE = ("<sys>", 0) if sys.version_info >= (3, 13) else ("sys", 1)

# Any: the module's own names, most of them private; and what scripts put there.
_namespace: Dict[str, Any] = warnings.__dict__
# What stood where the stand-ins stand now; filled by install().
_original: Dict[str, Any] = {}
# What runs start with: what CPython starts with, and what shared modules have added
# while runs imported them.  What the server's own modules have added is not theirs.
_start: List[Any] = []
_find = current.get
_warn_explicit = warnings.warn_explicit


class _State:
    """What one run has of the module."""

    def __init__(self) -> None:
        self.filters: List[Any] = list(_start)
        # While a shared module is in catch_warnings(): the list that it will restore.
        self.kept_filters: Optional[List[Any]] = None
        self.defaultaction = "default"
        self.onceregistry: Dict[Any, Any] = {}
        self.showwarning: Callable[..., object] = _namespace["_showwarning_orig"]
        self.formatwarning: Callable[..., str] = _namespace["_formatwarning_orig"]
        self._showwarnmsg_impl: Callable[[Any], object] = _print
        # What the run has been warned of: for shared modules by the id of their
        # namespace, for its own the dictionary that is in there, by its id.
        self.registries: Dict[int, Dict[Any, Any]] = {}


_state = PerRun(lambda run: _State())
_NAMES = (
    *("filters", "defaultaction", "onceregistry"),
    *("showwarning", "formatwarning", "_showwarnmsg_impl"),
)


def _print(message: warnings.WarningMessage) -> None:
    """Do what _showwarnmsg_impl does; the process' may have been replaced."""
    file: Any = message.file or sys.stderr
    if file is not None:
        with suppress(OSError):  # CPython: the file is invalid, this one gets lost
            file.write(_format(message))


class _RunWarnings(GuardedModule):
    """The class of warnings while the stand-ins are installed."""


def _property(name: str) -> property:
    def get(module: ModuleType) -> Any:
        run = _find()
        if run is None:
            return _original.get(name, module.__dict__[name])
        return getattr(_state.of(run), name)

    def set_value(module: ModuleType, value: Any) -> None:
        run = _find()
        if run is not None:
            state = _state.of(run)
            if name == "filters" and is_importing_shared.get():
                _note_catching(state, value)
            setattr(state, name, value)
        elif name in _original:
            _original[name] = value
        else:
            module.__dict__[name] = value

    return property(get, set_value)


for _name in _NAMES:
    setattr(_RunWarnings, _name, _property(_name))


def _note_catching(state: _State, filters: List[Any]) -> None:
    """A shared module enters or leaves the outermost catch_warnings()."""
    if state.kept_filters is None:
        state.kept_filters = state.filters
    elif filters is state.kept_filters:
        state.kept_filters = None


def _add_filter(*item: Any, append: bool) -> None:
    """Stand in for the end of simplefilter() and filterwarnings().

    What a shared module adds while a run imports it is for the run, and for those
    that find the module imported.
    """
    run = _find()
    if run is None:
        _original["_add_filter"](*item, append=append)
        return
    state = _state.of(run)
    _put(state.filters, item, append=append)
    _forget_warnings(run, state)
    if is_importing_shared.get() and state.kept_filters is None:
        _put(_start, item, append=append)


def _put(filters: List[Any], item: Tuple[Any, ...], *, append: bool) -> None:
    if append:
        if item not in filters:
            filters.append(item)
        return
    if item in filters:
        filters.remove(item)
    filters.insert(0, item)


def _reset() -> None:
    """Stand in for resetwarnings()."""
    run = _find()
    if run is None:
        _original["resetwarnings"]()
    else:
        state = _state.of(run)
        state.filters[:] = []
        _forget_warnings(run, state)


def _filters_mutated() -> None:
    """Stand in for what is called after each change of the filters."""
    run = _find()
    if run is None:
        _original["_filters_mutated"]()
    else:
        _forget_warnings(run, _state.of(run))


def _forget_warnings(run: RunContext, state: _State) -> None:
    """Let the changed filters see all warnings again."""
    registries = list(state.registries.values())
    # What C code made there, for its own warnings.
    for module in list(run.modules.values()):
        registries.append(vars(module).get("__warningregistry__") or {})
    for registry in registries:
        registry.clear()


def _show(message: warnings.WarningMessage) -> None:
    """Stand in for _showwarnmsg(), which C code calls."""
    run = _find()
    if run is None:
        _original["_showwarnmsg"](message)
        return
    state = _state.of(run)
    show = state.showwarning
    if show is _namespace["_showwarning_orig"]:
        state._showwarnmsg_impl(message)
    elif callable(show):
        what, where = (message.message, message.category), (message.filename,)
        show(*what, *where, message.lineno, message.file, message.line)
    else:
        raise TypeError("warnings.showwarning() must be set to a function or method")


def _show_by_default(message: warnings.WarningMessage) -> None:
    """Stand in for _showwarnmsg_impl(), which showwarning() calls."""
    run = _find()
    if run is None:
        _original["_showwarnmsg_impl"](message)
    else:
        _state.of(run)._showwarnmsg_impl(message)


def _format(message: warnings.WarningMessage) -> str:
    """Stand in for _formatwarnmsg()."""
    run = _find()
    if run is None:
        return _original["_formatwarnmsg"](message)  # type: ignore[no-any-return]
    function = _state.of(run).formatwarning
    if function is _namespace["_formatwarning_orig"]:
        return _namespace["_formatwarnmsg_impl"](message)  # type: ignore[no-any-return]
    what, where = (message.message, message.category), (message.filename,)
    return function(*what, *where, message.lineno, message.line)


def _warn(
    message: Any,
    category: Optional[Type[Warning]] = None,
    stacklevel: int = 1,
    source: Optional[Any] = None,
    *,
    skip_file_prefixes: Sequence[str] = (),
) -> None:
    """Stand in for warn(), which finds its registry in the caller's namespace.

    That of a shared module belongs to no run: what one run has been warned of, the
    others would never hear.
    """
    if isinstance(message, Warning):
        category = type(message)
    elif category is None:
        category = UserWarning
    if not (isinstance(category, type) and issubclass(category, Warning)):
        kind = type(category).__name__
        raise TypeError(f"category must be a Warning subclass, not '{kind}'")
    if skip_file_prefixes:
        stacklevel = max(2, stacklevel)
    prefixes = tuple(skip_file_prefixes)
    frame = _find_frame(sys._getframe(1), stacklevel, prefixes)
    if frame is None:
        (filename, line), namespace = _NOWHERE, sys.__dict__
    else:
        filename, line = frame.f_code.co_filename, frame.f_lineno
        namespace = frame.f_globals
    module = namespace.get("__name__", "<string>")
    registry = _registry(namespace)
    _warn_explicit(message, category, filename, line, module, registry, None, source)


def _find_frame(
    frame: Optional[FrameType], stacklevel: int, prefixes: Tuple[str, ...]
) -> Optional[FrameType]:
    """Return the frame that the warning is about, or None below the last one."""
    skips = frame is not None and not _is_internal(frame, ())
    for _ in range(stacklevel - 1):
        frame = _step(frame)
        while skips and frame is not None and _is_internal(frame, prefixes):
            frame = _step(frame)
    return frame


def _step(frame: Optional[FrameType]) -> Optional[FrameType]:
    frame = None if frame is None else frame.f_back
    if frame is not None and frame.f_code.co_filename == _BOTTOM:
        return None
    return frame


def _is_internal(frame: FrameType, prefixes: Tuple[str, ...]) -> bool:
    name = frame.f_code.co_filename
    is_import = "importlib" in name and "_bootstrap" in name
    return is_import or name.startswith((_OWN_FOLDER, *prefixes))


def _registry(namespace: Dict[str, Any]) -> Optional[Dict[Any, Any]]:
    run = _find()
    if run is not None and _is_shared(run, namespace):
        return _state.of(run).registries.setdefault(id(namespace), {})
    registry: Optional[Dict[Any, Any]]
    registry = namespace.setdefault("__warningregistry__", {})
    if run is not None and registry is not None:
        _state.of(run).registries[id(registry)] = registry
    return registry


def _is_shared(run: RunContext, namespace: Dict[str, Any]) -> bool:
    name = namespace.get("__name__", "")
    # sys.modules may hold anything.
    own, shared = run.modules.get(name), process["modules"].get(name)
    if namespace is getattr(own, "__dict__", None):
        return False
    return namespace is getattr(shared, "__dict__", None)


def add_option(run: RunContext, text: str) -> None:
    """Do for a run what ``-W text`` does for an interpreter, before its script."""
    state = _state.of(run)
    token = current.set(run)
    # What the option names is shared, but the filter is not.
    state.kept_filters = state.filters
    try:
        with importing_shared():
            _namespace["_setoption"](text)
    except _namespace["_OptionError"] as exc:
        run.stderr.write(f"Invalid -W option ignored: {exc}\n")
    finally:
        state.kept_filters = None
        current.reset(token)


_STAND_INS = {
    "_add_filter": _add_filter,
    "_filters_mutated": _filters_mutated,
    "_formatwarnmsg": _format,
    "_showwarnmsg": _show,
    "_showwarnmsg_impl": _show_by_default,
    "resetwarnings": _reset,
    "warn": _warn,
}


def _default_filters() -> List[Any]:
    """Return the filters of an interpreter that is told nothing."""
    if hasattr(sys, "gettotalrefcount"):  # pragma: no cover - a debug build
        return []
    kinds = DeprecationWarning, PendingDeprecationWarning, ImportWarning
    ignored = [("ignore", None, kind, None, 0) for kind in (*kinds, ResourceWarning)]
    return [("default", None, DeprecationWarning, "__main__", 0), *ignored]


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    _start[:] = _default_filters()
    replace(warnings, "__class__", _RunWarnings, undo)
    for name, stand_in in _STAND_INS.items():
        _original[name] = _namespace[name]
        _namespace[name] = stand_in
    undo.append(_restore)
    return undoing(undo)


def _restore() -> None:
    for name in _STAND_INS:
        _namespace[name] = _original.pop(name)
