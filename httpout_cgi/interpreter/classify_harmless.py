"""Calls that would change nothing, told from what a source gives them.

As harmless_calls.py judges them in a run; nothing is called that changes anything.
"""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any, Mapping

from httpout_cgi.interpreter import harmless_calls
from httpout_cgi.interpreter.classify_facts import Arguments, Named


# Any: what the answers take is their business.
def asks_only(
    answer: harmless_calls.Answer,
    name: str,
    arguments: Arguments,
    environment: Mapping[str, str],
) -> bool:
    """Ask whoever answers such calls in threads; the original is only asked things."""
    module, _, function = name.rpartition(".")
    # Only that of locale is asked for what is set now.
    found = getattr(import_module(module), function, None)
    original = found if module == "locale" else _do_nothing
    try:
        positional = [_find_value(one, module) for one in arguments.positional]
        keywords = {
            key: _find_value(one, module) for key, one in arguments.keywords.items()
        }
    except (AttributeError, ImportError):
        return False
    run = SimpleNamespace(environment=environment)
    try:
        answered = answer(run, original, *positional, **keywords)
    except Exception:
        return False  # a process tells the script the same
    return answered is not harmless_calls.REFUSED


# Any, as above.
def _do_nothing(*arguments: Any, **keywords: Any) -> None:
    """Stand for a call that must not be made."""


def _find_value(value: object, near: str) -> object:
    """Return the argument; raises AttributeError or ImportError if it is unknown.

    Looks only into the module of the call: what is imported here is the server's.
    """
    if isinstance(value, Named):
        module, _, name = value.name.rpartition(".")
        if module not in (near, "os", "sys"):
            raise ImportError(module)
        found: object = getattr(import_module(module), name)
        return found
    if isinstance(value, tuple):
        return tuple(_find_value(one, near) for one in value)
    return value
