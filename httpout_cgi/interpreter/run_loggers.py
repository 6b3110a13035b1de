"""Loggers for each run: the objects stay the same, what they say is the run's.

Shared modules hold on to loggers, so a logger is one object for all runs.  Its
attributes are descriptors: a run starts with what the library has set when it was
imported, and changes a copy.  The root, and what belongs to the server, start as in
a new process.  Must not know what logging keeps in global names.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple, Type, cast
from weakref import WeakValueDictionary

from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    current_for_changes,
    importing_shared,
    replace,
    undoing,
)

_SERVER = ("httpout_cgi", "httpout", "tremolo", "asyncio")
_HIDDEN = ("httpout_cgi", "httpout", "tremolo")
# Marks what a run has made: its values are where logging puts them.
_OWN = "_is_of_run"

_root = logging.root
_manager: logging.Manager = logging.Logger.manager
# Any: either loggers or placeholders.
_shared: Dict[str, Any] = _manager.loggerDict
_current = current.get
_get_logger = logging.Manager.getLogger
_set_logger_class = logging.setLoggerClass

# Guards the loggers of shared modules.  An interrupt cannot leave it locked: it is
# only used by ``with``, which CPython does not interrupt between lock and body.
_guard = threading.RLock()

# All shared loggers, in the order in which they came.
_arrived: List[logging.Logger] = []
# Loggers that runs have named and that no shared module knows, so far.
_named: WeakValueDictionary[str, logging.Logger] = WeakValueDictionary()

# How the root, the manager and the server's loggers look in a new process.
_PRISTINE: Dict[str, Callable[[], object]] = {
    "level": lambda: logging.NOTSET,
    "handlers": list,
    "filters": list,
    "propagate": lambda: True,
    "disabled": lambda: False,
    "_disable": lambda: 0,
    "loggerClass": lambda: None,
    "logRecordFactory": lambda: None,
    "emittedNoHandlerWarning": lambda: False,
}
_ATTRIBUTES: Tuple[Tuple[type, Tuple[str, ...]], ...] = (
    (logging.Filterer, ("filters",)),
    (
        logging.Logger,
        ("name", "level", "propagate", "handlers", "disabled", "_cache"),
    ),
    (logging.Handler, ("_name", "level", "formatter", "_closed", "lock")),
    (logging.StreamHandler, ("stream",)),
    (
        logging.Manager,
        ("_disable", "emittedNoHandlerWarning", "loggerClass", "logRecordFactory"),
    ),
)


class _Loggers:
    """The loggers that a run knows, and what it has changed of shared objects."""

    def __init__(self) -> None:
        # Any: the values of attributes.
        self.changed: Dict[object, Dict[str, Any]] = {}
        self.logger_class: Type[logging.Logger] = logging.__dict__["_loggerClass"]
        self._known: Dict[str, logging.Logger] = {}
        self._seen = 0

    def known(self) -> Dict[str, logging.Logger]:
        """Return the loggers by name; those of shared modules are added as they come.

        There are no placeholders: a parent is found when it is asked for.
        """
        if self._seen != len(_arrived):
            news = _arrived[self._seen :]
            self._seen += len(news)
            for logger in news:
                if not _is_below(logger, _HIDDEN):
                    self._known.setdefault(logger.name, logger)
        return self._known

    def is_registered(self, logger: logging.Logger) -> bool:
        """Tell whether one gets it by its name, in this run or elsewhere."""
        tables: Tuple[Any, ...] = (self.known(), _shared, _named)
        return any(table.get(logger.name) is logger for table in tables)

    def parent_of(self, logger: logging.Logger) -> logging.Logger:
        """Return the nearest logger above one that the run knows."""
        known, name = self.known(), logger.name
        if known.get(name, logger) is not logger:
            # The script has one of another class in the place of a library's.
            return known[name]
        while "." in name:
            name = name.rpartition(".")[0]
            if name in known:
                return known[name]
        return _root


_state = PerRun(lambda run: _Loggers())


def _is_below(target: object, names: Tuple[str, ...]) -> bool:
    name = target.__dict__.get("name")
    return isinstance(name, str) and name.partition(".")[0] in names


def _is_pristine(target: object) -> bool:
    if isinstance(target, logging.Logger):
        return target is _root or _is_below(target, _SERVER)
    return target is _manager


def _find_run(target: object) -> Optional[RunContext]:
    """Return the run whose values of a shared object count.

    While a shared module is imported, they are the module's own; but the root is the
    run's even then.
    """
    if target is _root or target is _manager:
        return current.get()
    return current_for_changes()


class _Attribute:
    """An attribute that has a value for each run where the object is shared."""

    def __init__(self, name: str) -> None:
        self._name = name

    # Any: the descriptor itself, or whatever the attribute holds.
    def __get__(self, target: Any, owner: Optional[type] = None) -> Any:
        if target is None:
            return self
        values = target.__dict__
        try:
            # First of all: the server's own code comes here, too.
            if _current() is None or _OWN in values:
                return values[self._name]
            run = _find_run(target)
            return values[self._name] if run is None else self._of(run, target)
        except KeyError:
            kind = type(target).__name__
            message = f"{kind!r} object has no attribute {self._name!r}"
            raise AttributeError(message) from None

    def _of(self, run: RunContext, target: Any) -> Any:
        changed = _state.of(run).changed.setdefault(target, {})
        try:
            return changed[self._name]
        except KeyError:
            start = self._start(target, target.__dict__[self._name])
        return changed.setdefault(self._name, start)

    def _start(self, target: object, value: Any) -> object:
        """Return what a run starts with."""
        if self._name == "_cache":
            return {}
        if self._name == "lock":
            # Nobody else waits if this run is interrupted while it holds it.
            return None if value is None else threading.RLock()
        if self._name in _PRISTINE and _is_pristine(target):
            is_level = self._name == "level" and target is _root
            return logging.WARNING if is_level else _PRISTINE[self._name]()
        return list(value) if type(value) is list else value

    def __set__(self, target: Any, value: object) -> None:
        values = target.__dict__
        if _OWN not in values:
            run = _find_run(target)
            if run is not None:
                if self._name in values:
                    _state.of(run).changed.setdefault(target, {})[self._name] = value
                    return
                values[_OWN] = True  # it is being made
        values[self._name] = value


class _Parent(_Attribute):
    """The logger above: found by its name, unless one has been assigned."""

    def __get__(self, target: Any, owner: Optional[type] = None) -> Any:
        run = None
        if target is not None and target is not _root and _current() is not None:
            run = _find_run(target)
        if run is None:
            return super().__get__(target, owner)
        state, values = _state.of(run), target.__dict__
        assigned = values if _OWN in values else state.changed.get(target, {})
        parent = assigned.get(self._name)
        if parent is None and state.is_registered(target):
            return state.parent_of(target)
        return parent


class _KnownLoggers:
    """Manager.loggerDict."""

    def __get__(self, manager: Any, owner: Optional[type] = None) -> Any:
        if manager is None:
            return self
        run = current_for_changes()
        if run is None or manager is not _manager:
            return manager.__dict__["loggerDict"]
        return _state.of(run).known()

    def __set__(self, manager: Any, value: object) -> None:
        manager.__dict__["loggerDict"] = value


def _get(manager: logging.Manager, name: str) -> logging.Logger:
    """Stand in for Manager.getLogger()."""
    if manager is not _manager or not isinstance(name, str):
        return _get_logger(manager, name)
    run = current_for_changes()
    if run is None:
        return _get_shared(name)
    state = _state.of(run)
    known = state.known()
    logger = known.get(name)
    if logger is None:
        made = _make(name, manager.loggerClass or state.logger_class)
        logger = known.setdefault(name, made)
    return logger


def _make(name: str, kind: Type[logging.Logger]) -> logging.Logger:
    """Make a logger that one run knows; the plain ones are the same for all runs."""
    if kind is not logging.Logger:
        logger = kind(name)
        logger.manager = _manager
        return logger
    found = _shared.get(name)
    if not isinstance(found, logging.Logger):
        found = _named.get(name)
    if found is None:
        # A shared module may meet it while a run calls it, and hold on to it.
        with importing_shared():
            found = logging.Logger(name)
        found.manager = _manager
        _named[name] = found
    return found


def _get_shared(name: str) -> logging.Logger:
    """Return a logger to a shared module; it may be one that a run has named."""
    known = _shared.get(name)
    if isinstance(known, logging.Logger):
        return known
    with _guard:
        known = _shared.get(name)
        if isinstance(known, logging.Logger):
            return known
        logger = _named.get(name)
        if logger is None:
            own_class = _manager.__dict__["loggerClass"]
            logger = (own_class or logging.__dict__["_loggerClass"])(name)
            logger.manager = _manager
        _shared[name] = logger
        fix: Any = _manager
        if known is not None:
            fix._fixupChildren(known, logger)
        fix._fixupParents(logger)
        _arrived.append(logger)
    return logger


def _get_class() -> Type[logging.Logger]:
    """Stand in for getLoggerClass()."""
    run = current_for_changes()
    if run is not None:
        return _state.of(run).logger_class
    return cast("Type[logging.Logger]", logging.__dict__["_loggerClass"])


def _set_class(kind: Type[logging.Logger]) -> None:
    """Stand in for setLoggerClass()."""
    run = current_for_changes()
    if run is None or not issubclass(kind, logging.Logger):
        _set_logger_class(kind)
    else:
        _state.of(run).logger_class = kind


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    loggers = [each for each in _shared.values() if isinstance(each, logging.Logger)]
    _arrived[:] = loggers
    for owner, names in _ATTRIBUTES:
        for name in names:
            _add(owner, name, _Attribute(name), undo)
    _add(logging.Logger, "parent", _Parent("parent"), undo)
    _add(logging.Manager, "loggerDict", _KnownLoggers(), undo)
    replace(logging.Manager, "getLogger", _get, undo)
    replace(logging, "getLoggerClass", _get_class, undo)
    replace(logging, "setLoggerClass", _set_class, undo)
    return undoing(undo)


def _add(owner: type, name: str, value: object, undo: List[Callable[[], None]]) -> None:
    setattr(owner, name, value)
    undo.append(lambda: delattr(owner, name))
