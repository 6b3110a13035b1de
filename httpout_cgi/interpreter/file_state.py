"""What a file is like now, asked, in threads, without letting go of CPython's lock.

os.stat() lets go of it, as does any call that might block.  Under the GIL each look at
a module would hand the processor to another thread, and take it back: nine switches
for a script with two modules, which cost it more than its work.
"""

from __future__ import annotations

import os
import struct
import time
from functools import lru_cache
from typing import Callable, Dict, Optional, Tuple

from httpout_cgi.interpreter.source import Signature, sign

# linux/stat.h and fcntl.h; struct statx is the same on all processors.  As stat(2),
# which mounts nothing.
_AT_FDCWD, _AT_NO_AUTOMOUNT, _STATX_BASIC_STATS = -100, 0x800, 0x7FF
_SIZE = 256
# Inode and size, then seconds and nanoseconds of ctime and mtime, then the device.
_unpack = struct.Struct("=32xQQ48xqI4xqI12xII").unpack_from
_GIGA = 1_000_000_000

_stat = os.stat
_now = time.monotonic
_make_device = lru_cache(maxsize=64)(os.makedev)

# Fills a buffer of its own for each path; None where a process has but one thread.
_find_state: Optional[Callable[[bytes], Optional[bytes]]] = None

# What was seen is believed for so many seconds, and kept until then: more files than
# most sites have.
_age = 0.0
_LIMIT = 4096
_kept: Dict[str, Tuple[float, Signature]] = {}


def believe_for(seconds: float) -> None:
    """Let ``look`` tell what it has seen so long ago, instead of asking again."""
    global _age
    _age = seconds
    _kept.clear()


def look(path: str) -> Signature:
    """Return what ``sign`` says of the file there, behind links.

    Raises OSError, and ValueError for NUL in a path.
    """
    if not _age or not path.startswith("/"):
        return _look(path)
    now = _now()
    kept = _kept.get(path)
    if kept is not None and now < kept[0]:
        return kept[1]
    signature = _look(path)
    if len(_kept) >= _LIMIT:
        _kept.clear()
    _kept[path] = now + _age, signature
    return signature


def _look(path: str) -> Signature:
    state = None if _find_state is None else _find_state(_encode(path))
    if state is None:
        # Again, for the error that it raises.
        return sign(_stat(path))
    inode, size, changed, changed_ns, modified, modified_ns, *device = _unpack(state)
    return (
        _make_device(*device),
        inode,
        size,
        modified * _GIGA + modified_ns,
        changed * _GIGA + changed_ns,
    )


@lru_cache(maxsize=1024)
def _encode(path: str) -> bytes:
    name = os.fsencode(path)
    if b"\0" in name:
        # C would stop there, and look at another file (CWE-158).
        raise ValueError("embedded null byte")
    return name


def _load_statx() -> Optional[Callable[[bytes], Optional[bytes]]]:
    try:
        # Not above: a pool's Python may have been built without it.
        import ctypes

        statx = ctypes.PyDLL(None).statx
    except (ImportError, AttributeError, OSError, TypeError):  # pragma: no cover
        return None  # not Linux, or an old C library
    kind = ctypes.c_char * _SIZE
    integer = ctypes.c_int
    statx.argtypes = [integer, ctypes.c_char_p, integer, ctypes.c_uint, kind]

    def find_state(path: bytes) -> Optional[bytes]:
        buffer = kind()
        if statx(_AT_FDCWD, path, _AT_NO_AUTOMOUNT, _STATX_BASIC_STATS, buffer):
            return None
        return buffer  # type: ignore[return-value]  # read as bytes are

    return find_state


def install() -> Callable[[], None]:
    """Look so from now on; return what undoes it."""
    global _find_state
    _find_state = _load_statx()
    return _uninstall


def _uninstall() -> None:
    global _find_state
    _find_state = None
