"""The content of a request, kept until it is complete: in memory, then on disk.

A run starts when its request's content is here, so that a slow client never holds a
thread, CONTENT_LENGTH is right for chunked requests, and stdin is seekable.
"""

import contextlib
import io
import tempfile
from typing import BinaryIO, cast


def prepare() -> None:
    """Find the folder for spools while there is room in it.

    tempfile would look for another one, and stay there, if it first looked when the
    disk is full, or no descriptor is left.
    """
    with contextlib.suppress(OSError):  # there is none: told when it is needed
        tempfile.gettempdir()


class Spool:
    """Collects content; moves to a nameless temporary file above ``in_memory`` bytes.

    ``finish`` hands the file over; ``close`` is for content that nobody will read.
    """

    def __init__(self, in_memory: int) -> None:
        self.size = 0
        self._in_memory = in_memory
        self._file: BinaryIO = io.BytesIO()
        self._on_disk = False

    def write(self, data: bytes) -> None:
        """Add ``data``.  Raises OSError if the disk is full."""
        self.size += len(data)
        if self.size > self._in_memory and not self._on_disk:
            self._move_to_disk()
        _write_all(self._file, data)

    def finish(self) -> BinaryIO:
        """Return the content as a file at position 0, which the caller closes."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Give the space back."""
        self._file.close()

    def _move_to_disk(self) -> None:
        # Unbuffered: what is written is at most one read of the socket anyway, and
        # a full disk must show at the write, not at the close.
        disk = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115  finish() hands it over
        memory = cast(io.BytesIO, self._file)
        self._file = disk
        self._on_disk = True
        _write_all(disk, memory.getvalue())


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of ``data``: an unbuffered file may take a part of it, and does so
    where the disk, or the limit for a file's size, ends."""
    written = file.write(data)
    while written < len(data):
        written += file.write(data[written:])
