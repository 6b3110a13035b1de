"""Calls that need a process of their own: in a run they are an error.

They are caught when they are called, and before they have done anything: a script may
import what it likes.  What would change nothing is let through.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache, wraps
from types import ModuleType
from typing import Any, Callable, Dict, List, Tuple

from httpout_cgi.interpreter import harmless_calls
from httpout_cgi.interpreter.process_calls import GUARDED, PROCESS_CALLS
from httpout_cgi.interpreter.run_context import current, current_for_changes, replace

_NAME = re.compile(r"[\w.]+")

# Where what the public modules offer comes from; a script may import these, too.
_C_MODULES = {
    **{"posix": "os", "_codecs": "codecs", "_csv": "csv", "_locale": "locale"},
    **{"_socket": "socket", "_thread": "threading"},
}

# What a shared module may set up while it is imported, for all who use it.
_SET_UP_AT_IMPORT = frozenset(
    (
        *("codecs", "csv", "faulthandler", "gettext", "locale", "mimetypes", "numpy"),
        *("matplotlib", "socket", "sys", "threading", "time", "urllib"),
    )
)

# The modules that have stand-ins now, and what takes these away.
_guarded: Dict[str, ModuleType] = {}
_undo: List[Callable[[], None]] = []

# Asked before a call is refused: a process that nobody shares may let it through.
_permits: List[Callable[[str], bool]] = []


class ProcessNeededError(RuntimeError):
    """A script in a thread did what needs a process of its own."""

    def __init__(self, call: str) -> None:
        """Take the full name of what was called, or a sentence about what was done."""
        super().__init__(_explain(call) if _NAME.fullmatch(call) else call)


def _explain(call: str) -> str:
    why = PROCESS_CALLS.get(call)
    reason = f" ({why})" if why else ""
    return (
        f"{call}() needs a process of its own{reason}, but this script runs in a thread"
        " of the server (runner: thread); it needs runner: process.  Nothing was"
        " changed"
    )


def guard_module(name: str, module: ModuleType) -> None:
    """Put the stand-ins into a module that has just been imported."""
    public = _C_MODULES.get(name, name)
    if public not in GUARDED or _guarded.get(name) is module:
        return
    if name != getattr(module, "__name__", None):
        return  # something else that was put in its place
    _guarded[name] = module
    for path in GUARDED[public]:
        _guard(module, path, f"{public}.{path}")


def _guard(module: ModuleType, path: str, call: str) -> None:
    owner, name, original = _find_original(module, path)
    if original is not None:
        replace(owner, name, _make_stand_in(call, original), _undo)


# Any: a module, or a class in it, and whatever it has there.
def _find_original(module: ModuleType, path: str) -> Tuple[Any, str, Any]:
    *owners, name = path.split(".")
    owner: Any = module
    for part in owners:
        owner = getattr(owner, part, None)
    return owner, name, getattr(owner, name, None)


# Any: whatever the call takes and returns.
@lru_cache(maxsize=None)  # by a pool, before it forks
def _make_stand_in(call: str, original: Callable[..., Any]) -> Callable[..., Any]:
    answer = harmless_calls.ANSWERS.get(call)
    is_set_up = call.partition(".")[0] in _SET_UP_AT_IMPORT
    find = current_for_changes if is_set_up else current.get

    @wraps(original)
    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        run = find()
        if run is None:
            return original(*arguments, **keywords)
        if answer is not None:
            result = answer(run, original, *arguments, **keywords)
            if result is not harmless_calls.REFUSED:
                return result
        if any(permit(call) for permit in _permits):
            return original(*arguments, **keywords)
        raise ProcessNeededError(call)

    return stand_in


def permit(ask: Callable[[str], bool]) -> None:
    """Let ``ask`` tell whether a call may be done for real, for good."""
    _permits.append(ask)


def prepare() -> None:
    """Do what is the same in all children, before the fork."""
    for name, module in _list_modules():
        public = _C_MODULES.get(name, name)
        for path in GUARDED.get(public, ()):
            _, _, original = _find_original(module, path)
            if original is not None:
                _make_stand_in(f"{public}.{path}", original)


def _list_modules() -> List[Tuple[str, ModuleType]]:
    names = (*GUARDED, *_C_MODULES)
    return [(name, sys.modules[name]) for name in names if name in sys.modules]


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    for name, module in _list_modules():
        guard_module(name, module)

    def uninstall() -> None:
        while _undo:
            _undo.pop()()
        _guarded.clear()

    return uninstall
