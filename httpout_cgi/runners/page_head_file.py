"""The header section of a page in a process, which a file of both sides has.

Not its output: that may begin by a child of the page, or by os.write().
"""

import os
import tempfile

from httpout_cgi.interpreter.page_head import PageHead

# More of it would be no header section in any case; a page may write what it wants.
_MOST = 256 * 1024
_END = b"\n\n"


def open_head_file() -> int:
    """Return the descriptor of a new, nameless file; raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("head")
    with tempfile.TemporaryFile() as file:  # pragma: no cover - not Linux
        return os.dup(file.fileno())


def read_head(descriptor: int) -> bytes:
    """Return the last header section that the page has told; ``b""`` for none."""
    size = os.fstat(descriptor).st_size
    told = os.pread(descriptor, _MOST, max(0, size - _MOST))
    # What is behind the last end has not been written to its own.
    heads, end, _ = told.rpartition(_END)
    return heads.rpartition(_END)[2] + end


def make_default_head() -> bytes:
    """Return what a page has that tells nothing."""
    return PageHead().encode()
