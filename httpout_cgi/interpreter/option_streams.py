"""Standard streams as ``python -u`` and PYTHONIOENCODING want them.

They take the place of the run's own before anything has been read or written.
"""

from __future__ import annotations

import codecs
import io
from typing import Any

from httpout_cgi.interpreter import streams
from httpout_cgi.interpreter.run_context import RunContext


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
    is_by_line = run.initial_stdout.line_buffering
    # Taken apart: a layer that is dropped closes those below.  Any: to typeshed, a
    # buffer has fewer methods than io's.
    buffer: Any = run.initial_stdout.detach()
    if is_unbuffered and buffer is not run.raw_output:  # that of a page is
        # It writes all that it is given: no layer above has to come back with a rest.
        run.output_buffer = buffer = buffer.detach()
    run.initial_stdout = run.stdout = io.TextIOWrapper(
        buffer,
        encoding,
        errors,
        "\n",
        line_buffering=is_by_line,
        write_through=is_unbuffered,
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
