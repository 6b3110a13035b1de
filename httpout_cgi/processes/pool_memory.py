"""The memory of a pool: in large pages, which a fork copies no list of.

Linux only, and only where the C library can be called.  Standard library only.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Iterator

_HUGE = 2 << 20
_MADV_COLLAPSE = 25


def collapse() -> None:
    """Put what has been allocated into huge pages.

    A child that writes to one copies 4 KiB, as ever.  What is allocated later is in
    small ones, so that a child does not need 2 MiB at once.
    """
    with suppress(ImportError, OSError, AttributeError, ValueError):
        import ctypes  # not every Python has it

        libc = ctypes.CDLL(None)
        for start, end in _list_heap():
            size = ctypes.c_size_t(end - start)
            # Fails on a kernel before 6.1, or without memory to spare: no harm.
            libc.madvise(ctypes.c_void_p(start), size, _MADV_COLLAPSE)


def _list_heap() -> Iterator[tuple[int, int]]:
    """Yield what a huge page could hold of memory that is nobody else's."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            span, mode, _, _, inode, *name = line.split()
            start, end = (int(number, 16) for number in span.split("-"))
            start, end = -(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE
            is_heap = mode == "rw-p" and inode == "0" and name in ([], ["[heap]"])
            if is_heap and start < end:
                yield start, end
