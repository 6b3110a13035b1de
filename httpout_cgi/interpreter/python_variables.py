"""PYTHON* variables: what the environment of a script asks of its interpreter.

Pure.  Of those that a script meets, no client sets any: what clients send begins with
HTTP_.
"""

from __future__ import annotations

import os
import sys
from typing import Mapping

from httpout_cgi.interpreter.shebang import Options

# Those that are heeded.
VARIABLES = (
    "PYTHONUNBUFFERED",
    "PYTHONIOENCODING",
    "PYTHONOPTIMIZE",
    "PYTHONWARNINGS",
    "PYTHONPATH",
    "PYTHONDEVMODE",
    "PYTHONSAFEPATH",
)


def add_variables(options: Options, environment: Mapping[str, str]) -> Options:
    """Return what the shebang's options and the variables ask for together."""
    value = environment.get
    before = [text for text in value("PYTHONWARNINGS", "").split(",") if text]
    folders = value("PYTHONPATH", "")
    return options._replace(
        is_unbuffered=options.is_unbuffered or bool(value("PYTHONUNBUFFERED")),
        optimize=max(options.optimize, _level(value("PYTHONOPTIMIZE", ""))),
        warnings=(*before, *options.warnings),
        is_development=options.is_development or bool(value("PYTHONDEVMODE")),
        has_safe_path=options.has_safe_path
        or (sys.version_info >= (3, 11) and bool(value("PYTHONSAFEPATH"))),
        stream_encoding=value("PYTHONIOENCODING", ""),
        search_path=tuple(folders.split(os.pathsep)) if folders else (),
    )


def _level(text: str) -> int:
    """Return how much PYTHONOPTIMIZE asks for: a number, or anything for 1."""
    if not text:
        return 0
    return min(int(text), 2) if text.isdigit() else 1
