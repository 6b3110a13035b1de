"""Shared modules in which a script may not assign: other runs would meet it.

Only modules that code seems to assign to get a class of their own: reading their
attributes is slower.
"""

from __future__ import annotations

import builtins
import sys
from types import FrameType, ModuleType
from typing import List, NoReturn

from httpout_cgi.interpreter.module_types import PassesForModule
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import current_for_changes

_guarded: List[ModuleType] = []


class GuardedModule(ModuleType, metaclass=PassesForModule):
    """The class of shared modules that a script might change."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in vars(type(self)):
            check(self, name, sys._getframe(1))
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        check(self, name, sys._getframe(1))
        super().__delattr__(name)


def is_of_script(frame: FrameType) -> bool:
    """Tell whether a script, or a local module, runs there.

    Only these have builtins of ours; libraries, and the server, are free.
    """
    return frame.f_builtins is not builtins.__dict__


def check(module: ModuleType, name: str, caller: FrameType) -> None:
    """Refuse to let a script set or delete a name in a module."""
    if is_of_script(caller) and current_for_changes() is not None:
        refuse(f"setting {module.__name__}.{name}")


def refuse(change: str) -> NoReturn:
    """Raise the error that names a change that all runs would see."""
    raise ProcessNeededError(
        f"{change} needs a process of its own, for other scripts share the module, but"
        " this script runs in a thread of the server (runner: thread); it needs"
        " runner: process"
    )


def guard(module: ModuleType) -> None:
    """Refuse scripts to assign in a module; one with a class of its own is left."""
    if type(module) is ModuleType:
        module.__class__ = GuardedModule
        _guarded.append(module)


def unguard_all() -> None:
    """Let all modules be plain again."""
    for module in _guarded:
        module.__class__ = ModuleType
    _guarded.clear()
