"""The spool: content in memory, then on disk, and a disk that is full."""

import errno
import io
import tempfile
from typing import BinaryIO

import pytest

from httpout_cgi.processes.spool import Spool


class SmallDisk(io.BytesIO):
    """A file of at most ``room`` bytes; as on a disk, a write may fit in part."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    # Any buffer: typeshed's type for it is not for subclasses.
    def write(self, data: bytes) -> int:  # type: ignore[override]
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = super().write(data[: self.room])
        self.room -= written
        return written


class Reluctant(io.BytesIO):
    """A file that takes no more than three bytes at a time."""

    def write(self, data: bytes) -> int:  # type: ignore[override]  # as above
        return super().write(data[:3])


def use_disk(monkeypatch: pytest.MonkeyPatch, disk: BinaryIO) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering: disk)


def test_little_stays_in_memory() -> None:
    spool = Spool(in_memory=10)
    spool.write(b"01234")
    spool.write(b"56789")
    with spool.finish() as file:
        assert isinstance(file, io.BytesIO)
        assert file.read() == b"0123456789"
    assert spool.size == 10


def test_more_goes_to_a_nameless_file() -> None:
    spool = Spool(in_memory=10)
    for piece in (b"0123456789", b"a", b"bc"):
        spool.write(piece)
    with spool.finish() as file:
        assert file.fileno() > 0
        assert file.read() == b"0123456789abc"
        file.seek(10)
        assert file.read() == b"abc"
    assert spool.size == 13


def test_nothing_is_a_file_too() -> None:
    with Spool(in_memory=0).finish() as file:
        assert file.read() == b""


@pytest.mark.parametrize("size", [1, 11], ids=["in memory", "on disk"])
def test_close_gives_the_space_back(size: int) -> None:
    spool = Spool(in_memory=10)
    spool.write(bytes(size))
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        spool.finish()


def test_a_file_that_takes_bytes_in_parts_gets_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_disk(monkeypatch, Reluctant())
    spool = Spool(in_memory=4)
    for piece in (b"0123", b"456789", b"ab"):
        spool.write(piece)
    assert spool.finish().read() == b"0123456789ab"


@pytest.mark.parametrize("room", [0, 3, 8])
def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    disk = SmallDisk(room)
    use_disk(monkeypatch, disk)
    spool = Spool(in_memory=4)
    spool.write(b"0123")
    with pytest.raises(OSError, match="No space left"):
        spool.write(b"456789")
    spool.close()
    assert disk.closed
