"""The builtins of scripts: with our ``__import__``, and private where they change.

Runs share one module as long as none of them can change it: interpreters cache
look-ups by dictionary, and a copy for each run would defeat that.
"""

from __future__ import annotations

import builtins
import sys
from types import ModuleType
from typing import Any, Callable, List

from httpout_cgi.interpreter import builtins_guess, opening, shared_modules
from httpout_cgi.interpreter.code_cache import Compiled
from httpout_cgi.interpreter.imports import import_name, shared_builtins
from httpout_cgi.interpreter.module_types import PassesForModule, make_proxy
from httpout_cgi.interpreter.run_context import RunContext, current_for_changes


def choose(run: RunContext, compiled: Compiled) -> ModuleType:
    """Return the builtins for a run: the shared ones, or a copy of its own."""
    is_private = builtins_guess.changes_builtins(run, compiled)
    return _make_private(run) if is_private else shared_builtins


def _make_private(run: RunContext) -> ModuleType:
    # What the script imports is what it has as __builtins__.
    run.builtins = run.modules["builtins"] = _copy()
    return run.builtins


def _copy() -> ModuleType:
    module = ModuleType("builtins")
    module.__dict__.update(shared_builtins.__dict__)
    return module


class _BuiltinsProxy(ModuleType, metaclass=PassesForModule):
    """sys.modules['builtins']: those of the current run, private at first sight."""

    def __getattribute__(self, name: str) -> Any:
        return getattr(_target(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(_target(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_target(), name)

    def __dir__(self) -> List[str]:
        return dir(_target())


def _target() -> ModuleType:
    run = current_for_changes()
    return builtins if run is None else private_builtins(run)


def private_builtins(run: RunContext) -> ModuleType:
    """Return the run's builtins; code that is defined from now on sees changes."""
    if run.builtins is shared_builtins:
        builtins_guess.remember(run)
        _make_private(run)
        if run.main is not None:
            run.main.__dict__["__builtins__"] = run.builtins
    return run.builtins


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    shared_builtins.__dict__.update(builtins.__dict__)
    shared_builtins.__dict__.update(
        __import__=import_name,
        open=opening.opener,
        setattr=shared_modules.set_attribute,
        delattr=shared_modules.delete_attribute,
    )
    sys.modules["builtins"] = make_proxy(_BuiltinsProxy, "builtins")

    def uninstall() -> None:
        sys.modules["builtins"] = builtins

    return uninstall
