"""sys.flags of a run that has options of its own."""

from __future__ import annotations

import re
import sys
from typing import Dict, Mapping, Tuple

# All of them; there are more than the tuple has.
_NAMES: Tuple[str, ...] = tuple(re.findall(r"(\w+)=", repr(sys.flags)))
# What no option of an interpreter, or of this server's, has set.
_UNSET = frozenset(
    (
        *("debug", "inspect", "interactive", "optimize", "dont_write_bytecode"),
        *("no_user_site", "no_site", "ignore_environment", "verbose", "quiet"),
        *("bytes_warning", "isolated", "dev_mode", "safe_path"),
    )
)


class _Flags(Tuple[int, ...]):
    """Looks like sys.flags, whose class makes no instances."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _NAMES)
        return f"sys.flags({shown})"


_Flags.__name__ = _Flags.__qualname__ = "flags"
_Flags.__module__ = "sys"


def make_flags(given: Mapping[str, int]) -> Tuple[int, ...]:
    """Return what sys.flags is for an interpreter with these flags and no others."""
    values: Dict[str, int] = {}
    for name in _NAMES:
        value = getattr(sys.flags, name)
        if name in _UNSET:
            value = type(value)(0)
        values[name] = type(value)(given.get(name, value))
    flags = _Flags(list(values.values())[: len(sys.flags)])
    flags.__dict__.update(values)
    return flags
