"""The C library's heap of a pool: what is free in it is used up before a fork.

Each free piece lies on a page that a child shares with its pool, and would copy if it
were handed the piece: one page for a variable of its environment, say.  Without them a
child gets what it asks for from the heap's end, one piece behind the other: forty pages
less, of five hundred.  Standard library only.
"""

from __future__ import annotations

from typing import Any, Callable

try:
    import ctypes

    # Any: typeshed does not know what a library has.
    _library: Any = ctypes.PyDLL(None)
    _sbrk, _malloc, _free = _library.sbrk, _library.malloc, _library.free
    _mallinfo = _library.mallinfo2
except (ImportError, AttributeError, OSError, TypeError):  # pragma: no cover
    _library = None  # not the GNU C library, or one before 2.33

# What is asked for, in bytes: the largest first.
_SIZES = (*(1 << power for power in range(16, 9, -1)), *range(504, 23, -16))
# Of each size: that many pieces are no holes any more.
_MOST = 4096


def _prepare() -> Callable[[], int] | None:
    if _library is None:  # pragma: no cover - as above
        return None
    # struct mallinfo2, of malloc.h.
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks"
    fields = [(name, ctypes.c_size_t) for name in (*names.split(), "keepcost")]
    _mallinfo.restype = type("mallinfo2", (ctypes.Structure,), {"_fields_": fields})
    _sbrk.restype = _malloc.restype = ctypes.c_size_t
    _sbrk.argtypes, _malloc.argtypes = [ctypes.c_ssize_t], [ctypes.c_size_t]
    _free.argtypes, _free.restype = [ctypes.c_size_t], None

    def find_top() -> int:
        top: int = _sbrk(0) - _mallinfo().keepcost
        return top

    return find_top


_find_top = _prepare()


def fill_holes() -> int:
    """Take the free pieces, for good; return how many there were."""
    if _find_top is None:  # pragma: no cover - as above
        return 0
    return sum(map(_take_all, _SIZES))


def _take_all(size: int) -> int:
    """Take what there is of a size below the heap's end; larger pieces are split."""
    assert _find_top is not None
    top = _find_top()
    count = 0
    while (address := _malloc(size)) and address < top:
        count += 1
        if count == _MOST:
            return count
    _free(address)
    return count
