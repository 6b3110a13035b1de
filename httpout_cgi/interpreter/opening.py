"""open(), os.open() and io.FileIO: descriptors 0 to 2 and /dev/stdin are the run's.

A file object that closes its descriptor gets one of its own, for it may do so long
after the run.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, Callable, List, Optional

from httpout_cgi.interpreter import left_descriptors
from httpout_cgi.interpreter.run_context import replace, undoing
from httpout_cgi.interpreter.run_streams import find, find_lent
from httpout_cgi.interpreter.standard_stream import StandardStream

# Names of descriptors in the file system.  For the kernel they are the server's.
_PATHS = {
    path: number
    for number, name in enumerate(("stdin", "stdout", "stderr"))
    for path in (
        f"/dev/{name}",
        f"/dev/fd/{number}",
        f"/proc/self/fd/{number}",
        f"/proc/thread-self/fd/{number}",
    )
}

_os_open, _open = os.open, io.open
_FileIO = io.FileIO


# Any, from here on: what the original takes and returns.
def os_open(path: Any, flags: int, *arguments: Any, **keywords: Any) -> int:
    """Stand in for os.open(): /dev/stdin and its like are the run's."""
    stream = _find_path(path)
    if stream is not None:
        return stream.copy()
    number = _os_open(path, flags, *arguments, **keywords)
    left_descriptors.note_for(sys._getframe(1), number)
    return number


def _find_path(path: Any) -> Optional[StandardStream]:
    if path.__class__ is not str:
        try:
            path = os.fsdecode(path)
        except TypeError:
            return None
    number = _PATHS.get(path)
    return None if number is None else find(number)


class _Opener:
    """Stands in for open(); no function, so that a class may have it as its own."""

    __name__ = __qualname__ = "open"
    __doc__ = _open.__doc__
    __module__ = "io"

    def __call__(self, file: Any, *arguments: Any, **keywords: Any) -> Any:
        if file.__class__ is str and file not in _PATHS:
            return _open(file, *arguments, **keywords)
        if isinstance(file, int):
            closes = arguments[5] if len(arguments) > 5 else keywords.get("closefd", 1)
            opened = _open(_translate(file, closes=closes), *arguments, **keywords)
            return _owning(opened) if closes else opened
        stream = _find_path(file)
        if stream is None or len(arguments) > 6 or keywords.get("opener"):
            return _open(file, *arguments, **keywords)
        keywords["opener"] = lambda path, flags: stream.copy()
        return _owning(_open(file, *arguments, **keywords))

    def __repr__(self) -> str:
        return repr(_open)


class _FileIOType(type):
    """Makes what io.open() returns an instance of our class, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        if cls is RunFileIO:
            return isinstance(instance, _FileIO)
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if cls is RunFileIO:
            return issubclass(subclass, _FileIO)
        return super().__subclasscheck__(subclass)


class RunFileIO(_FileIO, metaclass=_FileIOType):  # type: ignore[metaclass]
    """Stands in for io.FileIO."""

    def __init__(self, file: Any, *arguments: Any, **keywords: Any) -> None:
        if isinstance(file, int):
            closes = arguments[1] if len(arguments) > 1 else keywords.get("closefd", 1)
            super().__init__(_translate(file, closes=closes), *arguments, **keywords)
            if closes:
                _owning(self)
        else:
            super().__init__(file, *arguments, **keywords)


RunFileIO.__name__ = RunFileIO.__qualname__ = "FileIO"
RunFileIO.__module__ = _FileIO.__module__


def _translate(number: int, *, closes: object) -> int:
    """Return what to open in the place of a number: its own, if it will be closed."""
    stream = find(number)
    if stream is None:
        return number
    if stream.is_shut:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), number)
    return stream.copy() if closes else stream.fileno()


def _owning(opened: Any) -> Any:
    """Note which file object closes its descriptor."""
    raw = getattr(opened, "buffer", opened)  # below the text
    raw = getattr(raw, "raw", raw)  # below the buffer
    left_descriptors.forget(raw.fileno())
    stream = find_lent(raw.fileno())
    if stream is not None:
        stream.hand_over(raw)
    return opened


opener = _Opener()


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    for module in (os, sys.modules["posix"]):
        replace(module, "open", os_open, undo)
    if _os_open in os.supports_dir_fd:
        # "os.open in os.supports_dir_fd" is how one asks.
        os.supports_dir_fd.add(os_open)
        undo.append(lambda: os.supports_dir_fd.discard(os_open))
    for module in (io, sys.modules["_io"]):
        replace(module, "open", opener, undo)
    replace(io, "FileIO", RunFileIO, undo)
    return undoing(undo)
