"""Modules that all runs share: what a script assigns in one must reach no other run.

A script that does so needs a process of its own, and is told.  Its code is looked at
before it runs: which modules must be guarded?
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from types import CodeType, ModuleType
from typing import Any, Callable, Dict, Optional, Set, Tuple

from httpout_cgi.interpreter import (
    assignments,
    last_words,
    local_modules,
    run_attributes,
    shared_classes,
)
from httpout_cgi.interpreter.guarded_modules import (
    GuardedModule,
    guard,
    refuse,
    unguard_all,
)
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
_classes: Set[str] = set()

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

_setattr, _delattr = setattr, delattr
_add_audit_hook = sys.addaudithook


def prepare(run: RunContext, code: CodeType) -> None:
    """Look at a script's or local module's code before it runs: what may it change?"""
    found = look_at(code)
    if found.finalizers:
        last_words.expect(run, found.finalizers)
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
        _classes.update(found.classes)
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
    for name, module in list(process["modules"].items()):
        kind = type(module)
        if kind is ModuleType and _may_change(name, module):
            guard(module)
        # Others may be anything: proxies, too.
        if kind is ModuleType or issubclass(kind, GuardedModule):
            shared_classes.watch(module, _classes)


def _may_change(name: str, module: ModuleType) -> bool:
    # Some modules have two names: os.path, posixpath.
    return name.rpartition(".")[2] in _owners or any(
        map(module.__dict__.__contains__, _names)
    )


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
    run = shared_classes.find_run_to_assign(target)
    if run is None:
        _setattr(target, name, value)
    else:
        run_attributes.assign(run, target, name, value)


def delete_attribute(target: Any, name: str, /) -> None:
    """Stand in for delattr() in scripts."""
    if _is_shared(target, name):
        refuse(f"setting {target.__name__}.{name}")
    run = shared_classes.find_run_to_assign(target)
    if run is None:
        _delattr(target, name)
    else:
        run_attributes.delete(run, target, name)


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
        shared_classes.uninstall()
        unguard_all()
        for known in (_seen, _names, _owners, _classes, _wants_own):
            known.clear()

    return uninstall
