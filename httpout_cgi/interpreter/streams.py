"""The three standard streams of a run: real text wrappers over buffers over ours.

The layers are CPython's own, so text and bytes keep the order that they have in a
process of their own.  Must not know what a run is: bytes go to a callable.
"""

from __future__ import annotations

import io
from typing import BinaryIO, Callable, List, Optional

ENCODING = "utf-8"
ERRORS = "surrogateescape"
# What CPython puts between a script and a pipe.
BUFFER_SIZE = 8192
LARGEST_WRITE = 65536

Write = Callable[[bytes], None]


class OutputStream(io.RawIOBase):
    """The lowest layer of standard output: hands every write to a callable.

    After ``mute`` what is written goes nowhere.
    """

    name = "<stdout>"
    mode = "wb"

    def __init__(self, write: Write) -> None:
        # Not calling RawIOBase.__init__: it does nothing, for every single run.
        self._write = write

    def writable(self) -> bool:
        return True

    def mute(self) -> None:
        """Drop what is written from now on."""
        self._write = _drop

    # typeshed wants Buffer, which Python 3.8 cannot name.
    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        if self.closed:
            raise ValueError("write to closed file")
        # A part of what is very large: the layer above comes back with the rest, and
        # waits meanwhile if the client is slow.
        written = bytes(memoryview(data)[:LARGEST_WRITE])
        if written:
            self._write(written)
        return len(written)


class UnbufferedOutput(io.RawIOBase):
    """``sys.stdout.buffer`` under ``python -u``: writes all that it is given.

    There is no layer above that would come back with the rest.
    """

    name = "<stdout>"
    mode = "wb"

    def __init__(self, raw: OutputStream) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        if self.closed:
            raise ValueError("write to closed file")
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            rest = rest[self._raw.write(rest) :]
        return size


class ErrorStream(io.RawIOBase):
    """The lowest layer of standard error: hands complete lines to a callable."""

    name = "<stderr>"
    mode = "wb"

    def __init__(self, write_line: Write) -> None:
        self._write_line = write_line
        self._rest = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        written = bytes(data)
        *lines, self._rest = (self._rest + written).split(b"\n")
        for line in lines:
            self._write_line(line)
        return len(written)

    def finish(self) -> None:
        """Hand over a last line that has no line end."""
        rest, self._rest = self._rest, b""
        if rest:
            self._write_line(rest)


class InputStream(io.RawIOBase):
    """The lowest layer of standard input: reads a file that it does not own."""

    name = "<stdin>"
    mode = "rb"

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)


def open_output(raw: OutputStream) -> io.TextIOWrapper:
    """Return standard output: block buffered, as behind a pipe."""
    buffer = io.BufferedWriter(raw, BUFFER_SIZE)
    return io.TextIOWrapper(buffer, ENCODING, ERRORS, "\n")


def open_output_as(
    raw: OutputStream, encoding: str, errors: str, *, is_unbuffered: bool
) -> io.TextIOWrapper:
    """Return standard output as PYTHONIOENCODING and ``-u`` want it."""
    if is_unbuffered:
        buffer: Any = UnbufferedOutput(raw)
    else:
        buffer = io.BufferedWriter(raw, BUFFER_SIZE)
    return io.TextIOWrapper(buffer, encoding, errors, "\n", write_through=is_unbuffered)


def open_error(
    write_line: Write, encoding: str = ENCODING, *, is_unbuffered: bool = False
) -> io.TextIOWrapper:
    """Return standard error: line buffered, and nothing is unencodable."""
    raw = ErrorStream(write_line)
    return io.TextIOWrapper(
        raw if is_unbuffered else io.BufferedWriter(raw, BUFFER_SIZE),
        encoding,
        "backslashreplace",
        "\n",
        line_buffering=not is_unbuffered,
        write_through=is_unbuffered,
    )


def open_input(
    source: Optional[BinaryIO], encoding: str = ENCODING, errors: str = ERRORS
) -> io.TextIOWrapper:
    """Return standard input; it is at its end at once if there is no source."""
    raw = InputStream(io.BytesIO() if source is None else source)
    return io.TextIOWrapper(io.BufferedReader(raw, BUFFER_SIZE), encoding, errors)


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
