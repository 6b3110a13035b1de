"""decimal's templates for each run; its contexts end with the run by themselves."""

from __future__ import annotations

import decimal
from contextvars import copy_context
from types import ModuleType
from typing import Callable, Dict, List

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current_for_changes,
    replace,
    thread_beginnings,
    undoing,
)

_NAMES = ("DefaultContext", "BasicContext", "ExtendedContext")


def _copy_templates(run: RunContext) -> Dict[str, decimal.Context]:
    templates = {name: decimal.__dict__[name].copy() for name in _NAMES}
    if all(variable.name != "decimal_context" for variable in copy_context()):
        # C code would begin with the process' template: begin with the run's.
        decimal.setcontext(templates["DefaultContext"])
    return templates


_state = PerRun(_copy_templates)


def _begin_thread(run: RunContext) -> None:
    """Let a new thread begin with the run's template."""
    templates = _state.find(run)
    if templates is not None:
        decimal.setcontext(templates["DefaultContext"].copy())


thread_beginnings.append(_begin_thread)


class _RunDecimal(GuardedModule):
    """The class of decimal while the stand-ins are installed."""


def _property(name: str) -> property:
    def get(module: ModuleType) -> decimal.Context:
        run = current_for_changes()
        if run is not None:
            return _state.of(run)[name]
        template: decimal.Context = module.__dict__[name]
        return template

    def set_value(module: ModuleType, value: decimal.Context) -> None:
        run = current_for_changes()
        if run is None:
            module.__dict__[name] = value
        else:
            _state.of(run)[name] = value

    return property(get, set_value)


for _name in _NAMES:
    setattr(_RunDecimal, _name, _property(_name))


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(decimal, "__class__", _RunDecimal, undo)
    return undoing(undo)
