"""The module ``httpout``: what a page imports from it.

There is no such file.  Each module of a page that imports it gets a view of its own:
the names below, and behind them those of the module itself.
"""

from __future__ import annotations

import builtins
import logging
from types import ModuleType
from typing import Any, Callable, Dict, List

from httpout_cgi.interpreter.assignments import Assignments
from httpout_cgi.interpreter.run_context import RunContext

# A page.Page: it makes views, so this file cannot know more of it.
_Page = Any

NAME = "httpout"

# What a page has without importing it, and what else could tell whether it is there.
_PLAIN_NAMES = frozenset(("run", "wait", "__server__", "__globals__"))
_LOOKS = frozenset(
    (
        *("globals", "locals", "vars", "dir", "eval", "exec", "__import__"),
        *("getattr", "hasattr", "__getattribute__", "__builtins__", "breakpoint"),
    )
)


def may_be_seen(found: Assignments) -> bool:
    """Tell whether a page may miss the names that it has without importing them.

    To add them costs as much as a short page does: to make them, and to see at its end
    whether anybody would notice theirs.  Whatever it imports may look for them.
    """
    words = found.words
    if found.imported or not words.isdisjoint(_PLAIN_NAMES):
        return True
    return not words.isdisjoint(_LOOKS)


class View(ModuleType):
    """``httpout`` as one module of a page sees it."""

    # Any: the namespace of a module.
    def __init__(self, page: _Page, namespace: Dict[str, Any]) -> None:
        super().__init__(NAME, "What a page has beyond a plain script.")
        own = self.__dict__
        own["_page"], own["_namespace"] = page, namespace
        own["__all__"] = [name for name in _NAMES if name not in _missing(page)]

    def __getattr__(self, name: str) -> Any:
        find = _NAMES.get(name)
        if find is not None:
            value = find(self.__dict__["_page"])
            if value is _NOT_HERE:
                raise ImportError(f"httpout.{name}: {_REASON}", name=NAME)
            return value
        try:
            return self.__dict__["_namespace"][name]
        except KeyError:
            message = f"module {NAME!r} has no attribute {name!r}"
            raise AttributeError(message) from None

    def __setattr__(self, name: str, value: object) -> None:
        # As "import spam" in a package, say.
        target = self.__dict__ if name.startswith("__") else self._namespace
        target[name] = value

    def __dir__(self) -> List[str]:
        return sorted({*_NAMES, *self._namespace})


# In the place of what a page cannot have.
_NOT_HERE = object()
_REASON = (
    "there is none for a page in a process of its own: only pages in the threads of a"
    ' worker have it (write "runner: thread")'
)


class _Log(logging.Handler):
    """Writes to the error log under the run's id."""

    def __init__(self, run: RunContext) -> None:
        super().__init__()
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self._run.write_error(line.encode("utf-8", "backslashreplace"))


def _make_logger(page: _Page) -> Any:
    if page.logger is None:
        # Not from logging's tree: its level and its handlers are a script's to change.
        page.logger = logging.Logger(NAME, logging.INFO)
        page.logger.addHandler(_Log(page.run))
    return page.logger


def _missing(page: _Page) -> List[str]:
    names = ("app", "websocket")
    return [name for name in names if _NAMES[name](page) is _NOT_HERE]


def _ask_host(name: str) -> Callable[[_Page], Any]:
    return lambda page: getattr(page.host, name, _NOT_HERE)


_NAMES: Dict[str, Callable[[_Page], Any]] = {
    "request": lambda page: page.request,
    "response": lambda page: page.response,
    "run": lambda page: page.run_coroutine,
    "wait": lambda page: page.wait,
    "websocket": lambda page: page.websocket if page.host.has_websockets else _NOT_HERE,
    "app": _ask_host("app"),
    "context": lambda page: page.context,
    "loop": lambda page: page.tasks.loop,
    "logger": _make_logger,
    "globals": _ask_host("globals"),
    "modules": lambda page: page.run.modules,
    "__server__": lambda page: page.run.environment,
    "__globals__": lambda page: page.globals_module,
    "print": lambda page: builtins.print,
}
