"""How much memory this process has.  Standard library only."""

from __future__ import annotations

import os


def measure_resident() -> int | None:
    """Return how many bytes of this process are in memory; None if nobody knows."""
    try:
        with open("/proc/self/statm", "rb", 0) as file:
            pages = int(file.read().split()[1])
    except OSError:  # no /proc (only Linux has it), or too many open files just now
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
