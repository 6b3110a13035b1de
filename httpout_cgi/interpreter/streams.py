"""The three standard streams of a run: real text wrappers over buffers over ours.

The layers are CPython's own, so text and bytes keep the order that they have in a
process of their own.  Must not know what a run is: bytes go to a callable.
"""

from __future__ import annotations

import errno
import io
import os
import select
import tempfile
import threading
from functools import partial
from typing import Any, BinaryIO, Callable, List, Optional

from httpout_cgi.interpreter.standard_stream import StandardStream

ENCODING = "utf-8"
# What CPython puts between a script and a pipe.
BUFFER_SIZE = 8192
LARGEST_WRITE = 65536

Write = Callable[[bytes], None]
# Returns the write end of a new pipe that becomes the descriptor of that number.
OpenPipe = Callable[[int], int]

# Not by super(): every run closes its output.
_close = io.RawIOBase.close
_read, _write, _lseek, _dup = os.read, os.write, os.lseek, os.dup


class OutputStream(StandardStream):
    """The lowest layer of standard output: hands every write to a callable.

    After ``mute`` what is written goes nowhere.  ``leave`` is called when the script
    closes its output, or directs it elsewhere.
    """

    name = "<stdout>"
    mode = "wb"
    number = 1
    # Not RawIOBase's, which every single write() of the layers above would call; and
    # they need not close what says that it is closed, when they go with the run.
    closed = False
    # Of a page whose header section is not out; a lock lets one thread write it.
    _make_head: Optional[Callable[[], bytes]] = None
    _lock: threading.Lock
    _plain_write: Write

    def __init__(
        self,
        write: Write,
        open_pipe: Optional[OpenPipe] = None,
        leave: Optional[Callable[[], None]] = None,
    ) -> None:
        # Not calling RawIOBase.__init__: it does nothing, for every single run.
        self._write = write
        self._open_pipe = open_pipe
        self._on_leave = leave

    def writable(self) -> bool:
        return True

    def mute(self) -> None:
        """Drop what is written from now on."""
        self._write = _drop

    def begin_with(self, make_head: Callable[[], bytes]) -> None:
        """Let a header section come before the first byte that leaves."""
        self._make_head = make_head
        self._lock = threading.Lock()
        self._plain_write = self._write
        self._write = self._write_first

    def begin(self) -> None:
        """Write the header section now, if it is due and not out."""
        if self._make_head is not None:
            self._write_first(b"")

    def begin_without(self, write: Write) -> bool:
        """Leave the header section out, and let ``write`` have what comes.

        False if it is too late for that.
        """
        with self._lock:
            if self._make_head is None:
                return False
            self._make_head = None
            self._write = write
            return True

    def _write_first(self, data: bytes) -> None:
        with self._lock:
            make_head, self._make_head = self._make_head, None
            if make_head is not None:
                self._write = self._plain_write
                self._plain_write(make_head() + data)
                return
        self._plain_write(data)

    # typeshed wants Buffer, which Python 3.8 cannot name.
    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Write all of it, as write(2) does to a pipe that blocks."""
        if self.closed:
            raise ValueError("write to closed file")
        if data.__class__ is bytes and len(data) <= LARGEST_WRITE:
            if data:
                self._write(data)
            return len(data)
        view = memoryview(data)
        # Such a view cannot be cast if it is empty.
        view = view.cast("B") if view.nbytes else view
        # At the pace of its reader.
        for start in range(0, view.nbytes, LARGEST_WRITE):
            self._write(bytes(view[start : start + LARGEST_WRITE]))
        return view.nbytes

    def close(self) -> None:
        """Close the descriptor, too: nothing more is to come, so the response ends."""
        _close(self)
        self.closed = True
        if not self.is_shut:
            self.shut()

    def shut(self) -> None:
        super().shut()
        self._write = _refuse

    def end(self, *, is_in_use: bool = False) -> None:
        self._write = _drop
        self.is_shut = True
        self.closed = not is_in_use
        if self._kept is not None:
            super().end(is_in_use=is_in_use)

    def _make(self) -> int:
        self.begin()
        return super()._make() if self._open_pipe is None else self._open_pipe(1)

    def _use(self, descriptor: int) -> None:
        self._write = partial(_write_all, descriptor)

    def _leave(self) -> None:
        self.begin()
        if self._on_leave is not None:
            self._on_leave()


class ErrorStream(StandardStream):
    """The lowest layer of standard error: hands complete lines to a callable."""

    name = "<stderr>"
    mode = "wb"
    number = 2

    def __init__(self, write_line: Write, open_pipe: Optional[OpenPipe] = None) -> None:
        self._write_line = write_line
        self._open_pipe = open_pipe
        self._write_raw: Optional[Write] = None
        self._rest = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        written = bytes(data)
        if self._write_raw is not None:
            self._write_raw(written)
            return len(written)
        *lines, self._rest = (self._rest + written).split(b"\n")
        for line in lines:
            self._write_line(line)
        return len(written)

    def finish(self) -> None:
        """Hand over a last line that has no line end."""
        rest, self._rest = self._rest, b""
        if rest:
            self._write_line(rest)

    def shut(self) -> None:
        super().shut()
        self._write_raw = _refuse

    def end(self, *, is_in_use: bool = False) -> None:
        self.finish()
        self._write_raw = _drop
        super().end(is_in_use=is_in_use)

    def _make(self) -> int:
        return super()._make() if self._open_pipe is None else self._open_pipe(2)

    def _use(self, descriptor: int) -> None:
        rest, self._rest = self._rest, b""
        self._write_raw = partial(_write_all, descriptor)
        if rest:
            self._write_raw(rest)


class InputStream(StandardStream):
    """The lowest layer of standard input: reads a file that it does not own."""

    name = "<stdin>"
    mode = "rb"
    number = 0

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._descriptor: Optional[int] = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        if self.is_shut:
            _refuse(b"")
        if self._descriptor is None:
            data = self._source.read(len(buffer))
        else:
            data = _read(self._descriptor, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if self._descriptor is None:
            return self._source.seek(offset, whence)
        return _lseek(self._descriptor, offset, whence)

    def _make(self) -> int:
        """Return a file of the content, where the layers above have read it to."""
        try:
            return _dup(self._source.fileno())
        except io.UnsupportedOperation:
            return _copy_to_file(self._source)

    def _use(self, descriptor: int) -> None:
        self._descriptor = descriptor


def open_output(raw: OutputStream) -> io.TextIOWrapper:
    """Return standard output: block buffered, as behind a pipe."""
    buffer = io.BufferedWriter(raw, BUFFER_SIZE)
    text = io.TextIOWrapper(buffer, ENCODING, "surrogateescape", "\n")
    text.mode = "w"  # type: ignore[misc]  # as CPython does
    return text


def open_page_output(raw: io.RawIOBase) -> io.TextIOWrapper:
    """Return standard output of a page: each line goes on as soon as it is complete.

    There is no buffer, whose lock a slow reader would keep; ``raw`` writes all that it
    is given.
    """
    # Any: to typeshed, a raw stream has fewer methods than are needed.
    buffer: Any = raw
    text = io.TextIOWrapper(
        buffer, ENCODING, "surrogateescape", "\n", line_buffering=True
    )
    text.mode = "w"  # type: ignore[misc]  # as CPython does
    return text


def open_error(raw: ErrorStream) -> io.TextIOWrapper:
    """Return standard error: line buffered, and nothing is unencodable."""
    buffer = io.BufferedWriter(raw, BUFFER_SIZE)
    text = io.TextIOWrapper(
        buffer, ENCODING, "backslashreplace", "\n", line_buffering=True
    )
    text.mode = "w"  # type: ignore[misc]  # as CPython does
    return text


def open_raw_input(source: Optional[BinaryIO]) -> InputStream:
    """Return standard input's lowest layer; it is at its end if there is no source."""
    return InputStream(io.BytesIO() if source is None else source)


def open_input(
    raw: InputStream, encoding: str = ENCODING, errors: str = "surrogateescape"
) -> io.TextIOWrapper:
    """Return standard input; line ends stay what they are, unlike those of files."""
    buffer = io.BufferedReader(raw, BUFFER_SIZE)
    text = io.TextIOWrapper(buffer, encoding, errors, "\n")
    text.mode = "r"  # type: ignore[misc]  # as CPython does
    return text


def flush_all(streams: List[object]) -> None:
    """Flush what can be flushed, in this order, as the interpreter's end does.

    A detached, closed or foreign stream, and a reader that has left, are no error.
    """
    for stream in streams:
        try:
            if not getattr(stream, "closed", False):
                stream.flush()  # type: ignore[attr-defined]
        except Exception:  # a script may have put anything there
            # CPython prints "Exception ignored" here, to a log that nobody reads.
            continue


def _drop(data: bytes) -> None:
    """Write to nowhere."""


def _refuse(data: bytes) -> None:
    raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _write_all(descriptor: int, data: bytes) -> None:
    """Write as to a pipe that blocks, whatever the script has made of it."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[_write(descriptor, rest) :]
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            waiting.poll()


def _copy_to_file(source: BinaryIO) -> int:
    """Return a descriptor of a nameless file with the same content and position."""
    position = source.tell()
    source.seek(0)
    content = source.read()
    if not content:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
    else:  # pragma: no cover - not Linux
        with tempfile.TemporaryFile() as file:
            descriptor = _dup(file.fileno())
    _write_all(descriptor, content)
    _lseek(descriptor, position, os.SEEK_SET)
    return descriptor
