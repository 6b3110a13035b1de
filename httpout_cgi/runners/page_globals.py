"""``__globals__.py`` of a folder of pages: runs once in a worker, outside of all runs.

What it defines is shared by all pages of the worker.
"""

import builtins
import os
from collections.abc import Sequence
from functools import partial
from types import CodeType, ModuleType
from typing import Any

from httpout_cgi.interpreter import page_globals, source
from httpout_cgi.interpreter.page_attributes import Attributes
from httpout_cgi.interpreter.run_context import current

FILE = page_globals.FILE


def sign(root: str) -> source.Signature | None:
    """Return what is another after a change; None if there is no such file."""
    try:
        return source.sign(os.stat(os.path.join(root, FILE)))
    except OSError:
        return None


def load(root: str, names: Attributes) -> ModuleType:
    """Return the module; ``names`` is what it can import from httpout."""
    return page_globals.load(root, _compile, partial(_make_builtins, names))


def _compile(path: str) -> CodeType:
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec")


def _make_builtins(names: Attributes, module: ModuleType) -> dict[str, Any]:
    view = _View(module, names)

    def import_name(
        name: str,
        # Any: namespaces.
        globals: dict[str, Any] | None = None,
        locals: dict[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        if name == "httpout" and not level:
            run = current.get()
            # A function of it may be called by a page: it sees that page's.
            if run is not None and run.page is not None:
                return run.page.find_view(globals)
            return view
        return builtins.__import__(name, globals, locals, fromlist, level)

    return {**vars(builtins), "__import__": import_name}


class _View(ModuleType):
    """``httpout`` for ``__globals__.py``: there is no request."""

    def __init__(self, module: ModuleType, names: Attributes) -> None:
        super().__init__("httpout")
        self.__dict__["_names"] = names
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_names"][name]
        except KeyError:
            pass
        try:
            return vars(self.__dict__["_module"])[name]
        except KeyError:
            message = f"module 'httpout' has no attribute {name!r} without a request"
            raise AttributeError(message) from None
