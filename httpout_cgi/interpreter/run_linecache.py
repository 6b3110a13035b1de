"""linecache for each run: its files are those of its folder, as it sees them now.

Names may be relative, and doctest puts a function of its own in the place of
getlines() for a while.
"""

from __future__ import annotations

import linecache
from typing import Any, Callable, Dict, Iterator, List, MutableMapping

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import PerRun, current, replace, undoing

# Any, in this file: what the module keeps of a file, and what its functions take.
_namespace: Dict[str, Any] = linecache.__dict__
_cache: Dict[Any, Any] = linecache.cache
_getlines = linecache.getlines


class _State:
    """What a run has of it."""

    def __init__(self) -> None:
        self.cache: Dict[Any, Any] = {}
        self.getlines: Any = _getlines


_state = PerRun(lambda run: _State())


class _RunCache(MutableMapping[Any, Any]):
    """The lines of files by their names."""

    def _target(self) -> Dict[Any, Any]:
        run = current.get()
        return _cache if run is None else _state.of(run).cache

    def __getitem__(self, name: Any) -> Any:
        return self._target()[name]

    def __setitem__(self, name: Any, entry: Any) -> None:
        self._target()[name] = entry

    def __delitem__(self, name: Any) -> None:
        del self._target()[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._target())

    def __len__(self) -> int:
        return len(self._target())

    def keys(self) -> Any:
        return self._target().keys()

    def __repr__(self) -> str:
        return repr(self._target())

    def copy(self) -> Dict[Any, Any]:
        """Return a copy, as a dictionary does."""
        return dict(self._target())


def _find_getlines(*arguments: Any, **keywords: Any) -> Any:
    """Stand in for getlines(), which others of the module call."""
    return linecache.getlines(*arguments, **keywords)


class _RunLinecache(GuardedModule):
    """The class of linecache while the stand-ins are installed."""

    @property
    def getlines(self) -> Any:
        run = current.get()
        return _getlines if run is None else _state.of(run).getlines

    @getlines.setter
    def getlines(self, value: Any) -> None:
        global _getlines
        run = current.get()
        if run is None:
            _getlines = value
        else:
            _state.of(run).getlines = value


def _clear() -> None:
    """Stand in for clearcache() of old versions, which makes another dictionary."""
    linecache.cache.clear()


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = [_restore]
    replace(linecache, "cache", _RunCache(), undo)
    _namespace["getlines"] = _find_getlines
    if "clear" not in linecache.clearcache.__code__.co_names:  # pragma: no cover - 3.9
        replace(linecache, "clearcache", _clear, undo)
    replace(linecache, "__class__", _RunLinecache, undo)
    return undoing(undo)


def _restore() -> None:
    _namespace["getlines"] = _getlines
