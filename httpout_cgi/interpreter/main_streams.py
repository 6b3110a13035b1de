"""sys.stdin, stdout and stderr over descriptors 0 to 2, as CPython opens them."""

from __future__ import annotations

import codecs
import io
import sys
from typing import Any

_ENCODING = "utf-8"


def open_streams(wanted: str = "", *, is_unbuffered: bool = False) -> None:
    """Open all three; ``wanted`` is ``encoding:errors``, or less of it.

    Raises LookupError for an encoding that there is not.
    """
    encoding, _, errors = wanted.partition(":")
    errors = errors or ("strict" if encoding else "surrogateescape")
    encoding = codecs.lookup(encoding).name if encoding else _ENCODING
    layers = encoding, is_unbuffered
    error = "backslashreplace"
    sys.stdin = _open_input(encoding, errors)
    sys.stdout = _open_output(1, "<stdout>", errors, *layers)
    sys.stderr = _open_output(2, "<stderr>", error, *layers)
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))


def _open_input(encoding: str, errors: str) -> io.TextIOWrapper:
    raw = io.FileIO(0, "r", closefd=False)
    raw.name = "<stdin>"
    text = io.TextIOWrapper(io.BufferedReader(raw), encoding, errors, "\n")
    text.mode = "r"  # type: ignore[misc]  # as CPython does
    return text


def _open_output(
    number: int, name: str, errors: str, encoding: str, is_unbuffered: bool
) -> io.TextIOWrapper:
    raw = io.FileIO(number, "w", closefd=False)
    raw.name = name
    # Any: typeshed knows no text over what is not buffered.
    buffer: Any = raw if is_unbuffered else io.BufferedWriter(raw)
    text = io.TextIOWrapper(
        buffer,
        encoding,
        errors,
        "\n",
        line_buffering=number == 2 and not is_unbuffered,
        write_through=is_unbuffered,
    )
    text.mode = "w"  # type: ignore[misc]  # as CPython does
    return text
