"""Descriptors 0 to 2 in calls of the system: they mean those of the current run.

All other numbers are what they are: they cost one comparison.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import select
import socket
import sys
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from httpout_cgi.interpreter import refusals
from httpout_cgi.interpreter.run_context import RunContext, current, replace, undoing
from httpout_cgi.interpreter.standard_stream import (
    StandardStream,
    find_stream,
    hand_over,
    is_lent,
)

# Calls whose first argument is a descriptor, and which need no more than another one.
_OS = (
    *("fchmod", "fchown", "fdatasync", "fpathconf", "fstat", "fstatvfs", "fsync"),
    *("ftruncate", "get_blocking", "get_inheritable"),
    *("lockf", "lseek", "posix_fadvise", "posix_fallocate", "pread", "preadv"),
    *("pwrite", "pwritev", "read", "readv", "set_blocking", "set_inheritable"),
    *("tcgetpgrp", "tcsetpgrp", "ttyname", "device_encoding"),
)
# Calls between two descriptors.
_OS_PAIRS = ("sendfile", "copy_file_range", "splice")
_PAIR_NAMES = frozenset(("out_fd", "in_fd", "out", "in", "src", "dst"))
_FCNTL = ("fcntl", "flock", "ioctl", "lockf")
_COPYING = frozenset((fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC))

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

_close, _dup, _dup2, _write, _writev = os.close, os.dup, os.dup2, os.write, os.writev
_os_open, _closerange, _dup_for_socket = os.open, os.closerange, socket.dup
_isatty, _get_terminal_size = os.isatty, os.get_terminal_size
_select, _open = select.select, io.open
_FileIO = io.FileIO


def _find(number: object) -> Optional[StandardStream]:
    """Return the stream of the run whose descriptor 0, 1 or 2 is meant."""
    run = current.get()
    if run is None or not isinstance(number, int) or not 0 <= number <= 2:
        return None
    return _stream(run, number)


def _stream(run: RunContext, number: int) -> StandardStream:
    stream: StandardStream = (run.raw_input, run.raw_output, run.raw_error)[number]
    return stream


def _real(number: Any) -> Any:
    """Return the descriptor that a number means.  Raises OSError if it is closed."""
    stream = _find(number)
    return number if stream is None else stream.descriptor()


def _is_other(number: object) -> bool:
    """Tell, quickly, that a number has no meaning of its own here."""
    return number.__class__ is int and number > 2 and not is_lent(number)


# Any, from here on: what the original takes and returns.
def _translated(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(fd: Any, *arguments: Any, **keywords: Any) -> Any:
        if fd.__class__ is int and fd > 2:
            return original(fd, *arguments, **keywords)
        return original(_real(fd), *arguments, **keywords)

    return _named_as(call, original)


def _translated_pair(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        numbers = [_real(number) for number in arguments[:2]]
        keywords = {
            name: _real(value) if name in _PAIR_NAMES else value
            for name, value in keywords.items()
        }
        return original(*numbers, *arguments[2:], **keywords)

    return _named_as(call, original)


def _translated_fcntl(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(fd: Any, *arguments: Any) -> Any:
        if _is_other(fd):
            return original(fd, *arguments)
        if arguments and arguments[0] in _COPYING and original.__name__ == "fcntl":
            stream = _find(fd) or _find_lent(fd)
            if stream is not None:
                return stream.lend_copy(original(stream.descriptor(), *arguments))
        return original(_real(fd), *arguments)

    return _named_as(call, original)


def _named_as(
    stand_in: Callable[..., Any], original: Callable[..., Any]
) -> Callable[..., Any]:
    stand_in.__name__ = stand_in.__qualname__ = original.__name__
    return stand_in


def _find_lent(
    number: object, *, aliases_only: bool = False
) -> Optional[StandardStream]:
    """Return the stream of the current run whose alias, or copy, a number is."""
    run = current.get()
    if run is None or not isinstance(number, int) or not is_lent(number):
        return None
    stream = find_stream(number, aliases_only=aliases_only)
    names = ("raw_input", "raw_output", "raw_error")
    is_own = any(run.__dict__.get(name) is stream for name in names)
    return stream if is_own else None


def _find_meant(number: object) -> Optional[StandardStream]:
    """Return the stream that a number means, be it 0 to 2 or an alias."""
    return _find(number) or _find_lent(number, aliases_only=True)


def close(fd: int) -> None:
    """Stand in for os.close()."""
    if _is_other(fd):
        return _close(fd)
    stream = _find_meant(fd)
    if stream is None:
        return _close(fd)
    if stream.is_shut:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return stream.shut()


def closerange(fd_low: int, fd_high: int) -> None:
    """Stand in for os.closerange(): what is not the run's may be another's."""
    run = current.get()
    if run is None:
        return _closerange(fd_low, fd_high)
    if fd_high > 3:
        raise refusals.ProcessNeededError(
            "os.closerange() needs a process of its own, but this script runs in a"
            " thread of the server (runner: thread); it needs runner: process"
        )
    for number in range(max(fd_low, 0), fd_high):
        _stream(run, number).shut()
    return None


def dup(fd: int) -> int:
    """Stand in for os.dup()."""
    if _is_other(fd):
        return _dup(fd)
    stream = _find(fd) or _find_lent(fd)
    return _dup(fd) if stream is None else stream.lend_copy(_dup(_real(fd)))


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """Stand in for os.dup2()."""
    if _is_other(fd) and _is_other(fd2):
        return _dup2(fd, fd2, inheritable)
    source, target = _real(fd), _find_meant(fd2)
    if target is None:
        return _dup2(source, fd2, inheritable)
    if _find_meant(fd) is not target:
        target.put(source)
    return fd2


def write(fd: int, data: Any) -> int:
    """Stand in for os.write()."""
    if fd.__class__ is int and fd > 2:
        return _write(fd, data)
    stream = _find(fd)
    if stream is None:
        return _write(fd, data)
    if fd == 0 or stream.is_shut or stream.has_descriptor:
        return _write(stream.descriptor(), data)
    rest = memoryview(data).cast("B")
    size = len(rest)
    while rest:
        rest = rest[stream.write(rest) or 0 :]
    return size


def writev(fd: int, buffers: Sequence[Any]) -> int:
    """Stand in for os.writev()."""
    if fd.__class__ is int and fd > 2:
        return _writev(fd, buffers)
    return write(fd, b"".join(buffers))


def isatty(fd: int) -> bool:
    """Stand in for os.isatty(); no descriptor is made to be asked."""
    stream = _find(fd)
    if stream is None:
        return _isatty(fd)
    return stream.has_descriptor and _isatty(stream.descriptor())


def get_terminal_size(fd: int = 1) -> os.terminal_size:
    """Stand in for os.get_terminal_size()."""
    return _get_terminal_size(_real(fd))


def os_open(path: Any, flags: int, *arguments: Any, **keywords: Any) -> int:
    """Stand in for os.open(): /dev/stdin and its like are the run's."""
    stream = _find_path(path)
    if stream is None:
        return _os_open(path, flags, *arguments, **keywords)
    return stream.copy()


def _find_path(path: Any) -> Optional[StandardStream]:
    if path.__class__ is not str:
        try:
            path = os.fsdecode(path)
        except TypeError:
            return None
    number = _PATHS.get(path)
    return None if number is None else _find(number)


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
            return _open_number(_open, file, arguments, keywords, closes=bool(closes))
        stream = _find_path(file)
        if stream is not None and len(arguments) < 7 and not keywords.get("opener"):
            keywords["opener"] = lambda path, flags: _own(stream.copy())
        return _open(file, *arguments, **keywords)

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
            initialize = super().__init__
            _open_number(initialize, file, arguments, keywords, closes=bool(closes))
        else:
            super().__init__(file, *arguments, **keywords)


RunFileIO.__name__ = RunFileIO.__qualname__ = "FileIO"
RunFileIO.__module__ = _FileIO.__module__


def _open_number(
    opener: Callable[..., Any],
    number: int,
    arguments: Tuple[Any, ...],
    keywords: Dict[str, Any],
    *,
    closes: bool,
) -> Any:
    """Open a descriptor; a file object that closes it gets one of its own."""
    stream = _find(number)
    if stream is not None and not stream.is_shut:
        number = stream.copy() if closes else stream.fileno()
    elif stream is not None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), number)
    opened = opener(number, *arguments, **keywords)
    if closes and is_lent(number) and current.get() is not None:
        _own(number)
    return opened


def _own(number: int) -> int:
    hand_over(number)
    return number


def dup_for_socket(fd: Any) -> int:
    """Stand in for _socket.dup(), by which socket.fromfd() duplicates."""
    number = _dup_for_socket(_real(fd))
    stream = _find(fd)
    # What is no socket is left behind by socket.fromfd().
    return number if stream is None else stream.lend_copy(number)


def select_in_run(
    rlist: Any, wlist: Any, xlist: Any, timeout: Optional[float] = None
) -> Any:
    """Stand in for select.select()."""
    if current.get() is None:
        return _select(rlist, wlist, xlist, timeout)
    lists = [list(wanted) for wanted in (rlist, wlist, xlist)]
    numbers = {n for wanted in lists for n in wanted if n.__class__ is int and n < 3}
    real = {number: _real(number) for number in numbers}
    watched = [[real.get(n, n) for n in wanted] for wanted in lists]
    ready = _select(watched[0], watched[1], watched[2], timeout)
    shown = {value: number for number, value in real.items()}
    return tuple([shown.get(n, n) for n in found] for found in ready)


opener = _Opener()


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    stand_ins = {
        name: _translated(getattr(os, name)) for name in _OS if hasattr(os, name)
    }
    stand_ins.update(
        (name, _translated_pair(getattr(os, name)))
        for name in _OS_PAIRS
        if hasattr(os, name)
    )
    stand_ins.update(close=close, closerange=closerange, dup=dup, dup2=dup2)
    stand_ins.update(write=write, writev=writev, open=os_open)
    stand_ins.update(isatty=isatty, get_terminal_size=get_terminal_size)
    for name, stand_in in stand_ins.items():
        for module in (os, sys.modules["posix"]):
            replace(module, name, stand_in, undo)
    for name in _FCNTL:
        replace(fcntl, name, _translated_fcntl(getattr(fcntl, name)), undo)
    replace(select, "select", select_in_run, undo)
    for module in (socket, sys.modules["_socket"]):
        replace(module, "dup", dup_for_socket, undo)
    for module in (io, sys.modules["_io"]):
        replace(module, "open", opener, undo)
    replace(io, "FileIO", RunFileIO, undo)
    return undoing(undo)
