"""Standard streams as ``python -u`` and PYTHONIOENCODING want them.

They take the place of the run's own before anything has been read or written.
"""

from __future__ import annotations

import codecs
import io
from typing import Any

from httpout_cgi.interpreter import streams
from httpout_cgi.interpreter.run_context import RunContext


class UnbufferedOutput(io.RawIOBase):
    """``sys.stdout.buffer`` under ``python -u``: writes all that it is given.

    There is no layer above that would come back with the rest.
    """

    name = "<stdout>"
    mode = "wb"

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        super().close()
        self._raw.close()

    # typeshed wants Buffer, which Python 3.8 cannot name.
    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        if self.closed:
            raise ValueError("write to closed file")
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            rest = rest[self._raw.write(rest) or 0 :]
        return size


def open_streams(run: RunContext, wanted: str, *, is_unbuffered: bool) -> None:
    """Open the run's streams; ``wanted`` is ``encoding:errors``, or less of it.

    Raises LookupError for an encoding that there is not.
    """
    encoding, _, errors = wanted.partition(":")
    if encoding:
        encoding, errors = codecs.lookup(encoding).name, errors or "strict"
    else:
        encoding, errors = streams.ENCODING, errors or "surrogateescape"
    _open_output(run, encoding, errors, is_unbuffered=is_unbuffered)
    _open_error(run, encoding, is_unbuffered=is_unbuffered)
    if wanted:
        run.initial_stdin = streams.open_input(run.raw_input, encoding, errors)


def _open_output(
    run: RunContext, encoding: str, errors: str, *, is_unbuffered: bool
) -> None:
    # Taken apart: a layer that is dropped closes those below.  Any: to typeshed, a
    # buffer has fewer methods than io's.
    buffer: Any = run.initial_stdout.detach()
    if is_unbuffered:
        run.output_buffer = buffer = UnbufferedOutput(buffer.detach())
    run.initial_stdout = run.stdout = io.TextIOWrapper(
        buffer, encoding, errors, "\n", write_through=is_unbuffered
    )
    run.stdout.mode = "w"


def _open_error(run: RunContext, encoding: str, *, is_unbuffered: bool) -> None:
    raw = run.raw_error
    run.initial_stderr = io.TextIOWrapper(
        raw if is_unbuffered else io.BufferedWriter(raw, streams.BUFFER_SIZE),
        encoding,
        "backslashreplace",
        "\n",
        line_buffering=not is_unbuffered,
        write_through=is_unbuffered,
    )
    run.initial_stderr.mode = "w"
