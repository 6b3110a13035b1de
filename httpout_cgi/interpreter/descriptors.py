"""Descriptors 0 to 2 in calls of the system: they mean those of the current run.

All other numbers are what they are: they cost one comparison.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import sys
from typing import Any, Callable, List, Optional, Sequence

from httpout_cgi.interpreter import left_descriptors, refusals
from httpout_cgi.interpreter.run_context import current, replace, undoing
from httpout_cgi.interpreter.run_streams import (
    find,
    find_lent,
    find_meant,
    is_other,
    real_number,
    streams_of,
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
# Calls that make new ones; os.open() is in opening.py.
_OPENING = ("dup", "pipe", "pipe2", "memfd_create", "eventfd")
_FCNTL = ("fcntl", "flock", "ioctl", "lockf")
_COPYING = frozenset((fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC))

_close, _dup, _dup2, _write, _writev = os.close, os.dup, os.dup2, os.write, os.writev
_closerange, _dup_for_socket = os.closerange, socket.dup
_isatty, _get_terminal_size = os.isatty, os.get_terminal_size
_select = select.select


# Any, from here on: what the original takes and returns.
def _translated(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(fd: Any, *arguments: Any, **keywords: Any) -> Any:
        if fd.__class__ is int and fd > 2:
            return original(fd, *arguments, **keywords)
        return original(real_number(fd), *arguments, **keywords)

    return _named_as(call, original)


def _translated_pair(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        numbers = [real_number(number) for number in arguments[:2]]
        keywords = {
            name: real_number(value) if name in _PAIR_NAMES else value
            for name, value in keywords.items()
        }
        return original(*numbers, *arguments[2:], **keywords)

    return _named_as(call, original)


def _translated_fcntl(name: str) -> Callable[..., Any]:
    original: Callable[..., Any] = getattr(fcntl, name)

    def call(fd: Any, *arguments: Any) -> Any:
        if is_other(fd):
            return original(fd, *arguments)
        if name == "fcntl" and arguments and arguments[0] in _COPYING:
            stream = find(fd) or find_lent(fd)
            if stream is not None:
                return stream.lend_copy(original(stream.descriptor(), *arguments))
        return original(real_number(fd), *arguments)

    return _named_as(call, original)


def _named_as(
    stand_in: Callable[..., Any], original: Callable[..., Any]
) -> Callable[..., Any]:
    stand_in.__name__ = stand_in.__qualname__ = original.__name__
    return stand_in


def close(fd: int) -> None:
    """Stand in for os.close()."""
    left_descriptors.forget(fd)
    if is_other(fd):
        return _close(fd)
    stream = find_meant(fd)
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
        streams_of(run)[number].shut()
    return None


def dup(fd: int) -> int:
    """Stand in for os.dup()."""
    if is_other(fd):
        return _dup(fd)
    stream = find(fd) or find_lent(fd)
    return _dup(fd) if stream is None else stream.lend_copy(_dup(real_number(fd)))


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """Stand in for os.dup2()."""
    if is_other(fd) and is_other(fd2):
        return _dup2(fd, fd2, inheritable)
    source, target = real_number(fd), find_meant(fd2)
    if target is None:
        return _dup2(source, fd2, inheritable)
    if find_meant(fd) is not target:
        target.put(source)
    return fd2


def write(fd: int, data: Any) -> int:
    """Stand in for os.write()."""
    if fd.__class__ is int and fd > 2:
        return _write(fd, data)
    stream = find(fd)
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
    stream = find(fd)
    if stream is None:
        return _isatty(fd)
    return stream.has_descriptor and _isatty(stream.descriptor())


def get_terminal_size(fd: int = 1) -> os.terminal_size:
    """Stand in for os.get_terminal_size()."""
    return _get_terminal_size(real_number(fd))


def dup_for_socket(fd: Any) -> int:
    """Stand in for _socket.dup(), by which socket.fromfd() duplicates."""
    number = _dup_for_socket(real_number(fd))
    stream = find(fd)
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
    real = {number: real_number(number) for number in numbers}
    watched = [[real.get(n, n) for n in wanted] for wanted in lists]
    ready = _select(watched[0], watched[1], watched[2], timeout)
    shown = {value: number for number, value in real.items()}
    return tuple([shown.get(n, n) for n in found] for found in ready)


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
    stand_ins.update(write=write, writev=writev)
    stand_ins.update(isatty=isatty, get_terminal_size=get_terminal_size)
    for name, stand_in in stand_ins.items():
        for module in (os, sys.modules["posix"]):
            replace(module, name, stand_in, undo)
    for name in _OPENING:
        left_descriptors.replace_noting((os, sys.modules["posix"]), name, undo)
    for name in _FCNTL:
        replace(fcntl, name, _translated_fcntl(name), undo)
    replace(select, "select", select_in_run, undo)
    for module in (socket, sys.modules["_socket"]):
        replace(module, "dup", dup_for_socket, undo)
    return undoing(undo)
