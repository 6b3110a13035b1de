"""Modules that all runs share: what a script assigns in one must reach no other run.

A script that does so needs a process of its own, and is told.  Only modules that code
seems to assign to get a class of their own: reading their attributes is slower.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from types import CodeType, FrameType, ModuleType
from typing import Any, Callable, Dict, List, NoReturn, Optional, Set, Tuple

from httpout_cgi.interpreter import assignments, local_modules
from httpout_cgi.interpreter.module_types import PassesForModule
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import (
    RunContext,
    current_for_changes,
    importing_shared,
    process,
)

# Code that has been looked at, by id; it is kept, so that the id stays its own.
_seen: Dict[int, Tuple[CodeType, assignments.Assignments]] = {}
_LIMIT = 4096

# What all that code assigns, for modules that are imported later.
_names: Set[str] = set()
_owners: Set[str] = set()

# Modules of which a run gets a copy if its code has one of these words: cgi.test()
# leaves cgi.maxlen changed, and fileinput has one input for all.  No other shared
# module looks at their state.
_OWN = {
    "cgi": frozenset(("maxlen", "logfile", "logfp", "log", "test")),
    "fileinput": frozenset(("fileinput",)),
}
_wants_own: Dict[int, Tuple[str, ...]] = {}
_own_code: Dict[str, CodeType] = {}

# Code with one of these may run other code, which nobody has looked at.
_RUNS_CODE = frozenset(("exec", "eval"))
_is_watching = False

_guarded: List[ModuleType] = []
_setattr, _delattr = setattr, delattr
_add_audit_hook = sys.addaudithook


class GuardedModule(ModuleType, metaclass=PassesForModule):
    """The class of shared modules that a script might change."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in vars(type(self)):
            _check(self, name, sys._getframe(1))
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _check(self, name, sys._getframe(1))
        super().__delattr__(name)


def _check(module: ModuleType, name: str, caller: FrameType) -> None:
    # Only scripts, and what is theirs, have builtins of ours; libraries, and the
    # server, are free.
    if caller.f_builtins is builtins.__dict__ or current_for_changes() is None:
        return
    refuse(f"setting {module.__name__}.{name}")


def refuse(change: str) -> NoReturn:
    """Raise the error that names a change that all runs would see."""
    raise ProcessNeededError(
        f"{change} needs a process of its own, for other scripts share the module, but"
        " this script runs in a thread of the server (runner: thread); it needs"
        " runner: process"
    )


def prepare(run: RunContext, code: CodeType) -> None:
    """Look at a script's or local module's code before it runs: what may it change?"""
    look_at(code)
    for name in _wants_own.get(id(code), ()):
        if name not in run.modules:
            _give_own(run, name)


def look_at(code: CodeType) -> assignments.Assignments:
    """Return what a script's or local module's code assigns; guard what it might."""
    known = _seen.get(id(code))
    if known is not None and known[0] is code:
        return known[1]
    found = assignments.find(code)
    if len(_seen) >= _LIMIT:
        _seen.clear()
        _wants_own.clear()
    own = [name for name in _OWN if name in found.words]
    own = [name for name in own if not _OWN[name].isdisjoint(found.words)]
    if own:
        _wants_own[id(code)] = tuple(own)
    if not (found.names <= _names and found.owners <= _owners):
        _names.update(found.names)
        _owners.update(found.owners)
        guard_new()
    if not _RUNS_CODE.isdisjoint(found.words):
        _watch()
    _seen[id(code)] = code, found
    return found


def _watch() -> None:
    """Look at what exec() and eval() run, from now on.

    An audit hook sees the code of text, too, and adds no frame of ours, as a stand-in
    would.  It stays for good and costs a little, so it waits for its first script.
    """
    global _is_watching
    if not _is_watching:
        _is_watching = True
        _add_audit_hook(_look_at_dynamic)


# Any: the arguments of any event.
def _look_at_dynamic(event: str, arguments: Tuple[Any, ...]) -> None:
    if event != "exec":
        return
    run = current_for_changes()  # pragma: no cover - no tracer comes into hooks
    if run is None or not arguments[0].co_names:  # pragma: no cover - as above
        return
    # What libraries run is theirs; local modules have been looked at.
    if sys._getframe(1).f_builtins is not builtins.__dict__:  # pragma: no cover
        prepare(run, arguments[0])


def guard_new() -> None:
    """Guard what code that has been looked at might change."""
    if not _names:
        return
    for module in list(process["modules"].values()):
        if type(module) is ModuleType and _may_change(module):
            guard(module)


def _may_change(module: ModuleType) -> bool:
    namespace = module.__dict__
    name = namespace.get("__name__") or ""
    return name.rpartition(".")[2] in _owners or any(
        map(namespace.__contains__, _names)
    )


def guard(module: ModuleType) -> None:
    """Refuse scripts to assign in a module; one with a class of its own is left."""
    if type(module) is ModuleType:
        module.__class__ = GuardedModule
        _guarded.append(module)


def _give_own(run: RunContext, name: str) -> None:
    """Give the run a copy of a module, fresh from its code."""
    if local_modules.may_be_local(run, name) and local_modules.find(run, name):
        return
    with importing_shared():
        spec = importlib.util.find_spec(name)
    loader: Any = None if spec is None else spec.loader
    if spec is None or not hasattr(loader, "get_code"):
        return
    if name not in _own_code:
        _own_code[name] = loader.get_code(name)
    module = ModuleType(name)
    module.__dict__.update(
        __builtins__={**vars(builtins), "__import__": _import_silently},
        __file__=spec.origin,
        __loader__=loader,
        __package__="",
        __spec__=spec,
    )
    with importing_shared():
        exec(_own_code[name], module.__dict__)
    run.modules[name] = module


# Any: what __import__ takes.
def _import_silently(name: str, *arguments: Any) -> ModuleType:
    """Import what the module imports: cgi has warned of its age already."""
    if name == "warnings":
        return _no_warnings
    return builtins.__import__(name, *arguments)


_no_warnings = ModuleType("warnings")
_no_warnings.__dict__["_deprecated"] = lambda *arguments, **keywords: None
_no_warnings.__dict__["warn"] = _no_warnings.__dict__["_deprecated"]


def set_attribute(target: Any, name: str, value: object, /) -> None:
    """Stand in for setattr() in scripts."""
    if _is_shared(target, name):
        refuse(f"setting {target.__name__}.{name}")
    _setattr(target, name, value)


def delete_attribute(target: Any, name: str, /) -> None:
    """Stand in for delattr() in scripts."""
    if _is_shared(target, name):
        refuse(f"setting {target.__name__}.{name}")
    _delattr(target, name)


# Any: whatever a script takes for a name.
def _is_shared(target: Any, name: Any) -> bool:
    kind = type(target)
    # What the module's class knows is the run's.
    is_guarded = issubclass(kind, GuardedModule) and name not in vars(kind)
    if kind is not ModuleType and not is_guarded:
        return False
    if current_for_changes() is None:
        return False
    own_name: Optional[str] = target.__dict__.get("__name__")
    return process["modules"].get(own_name) is target


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""

    def uninstall() -> None:
        for module in _guarded:
            module.__class__ = ModuleType
        _guarded.clear()
        for known in (_seen, _names, _owners, _wants_own):
            known.clear()

    return uninstall
