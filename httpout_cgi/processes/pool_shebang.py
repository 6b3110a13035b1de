"""Which scripts another Python has to run, that of their first lines: a pool's view.

Standard library only.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Mapping

from httpout_cgi.interpreter.source import Signature, sign
from httpout_cgi.processes import pool_program

if TYPE_CHECKING:
    from httpout_cgi.interpreter.classify import Classifier

# Scripts whose first line names no other Python, and what stat said of them.
_plain: dict[str, Signature] = {}
_LIMIT = 4096
# The same bound as for code: see code_cache.py.
_SETTLED_NS = 50_000_000


def needs_another(path: str, environment: Mapping[str, str], now_ns: int) -> bool:
    """Tell whether only the Python of its first line has what a script imports.

    Reads what is new only.
    """
    try:
        seen = sign(os.stat(path))
        if _plain.get(path) == seen:
            return False
        if not pool_program.names_other(path):
            if now_ns - max(seen[3:]) > _SETTLED_NS:
                while len(_plain) >= _LIMIT:
                    del _plain[next(iter(_plain))]
                _plain[path] = seen
            return False
        return judge(path, environment)
    except OSError:
        return False  # whoever runs it tells


def judge(path: str, environment: Mapping[str, str]) -> bool:
    """Tell it of a script whatever its first line says."""
    try:
        return _make_classifier().judge(path, environment).interpreter is not None
    except Exception:  # a flaw of ours makes no script unusable
        return False


@lru_cache(None)
def _make_classifier() -> Classifier:
    """Return the only one, which keeps what it has found, for the loop of a pool."""
    # Not above: most pools are asked by workers only, and a fork copies what is there.
    from httpout_cgi.interpreter.classify import Classifier

    return Classifier()
