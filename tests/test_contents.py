"""Contents of files, and what is remembered of them."""

import os
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.contents import SMALL, Contents
from httpout_cgi.files.opening import Links, open_file
from httpout_cgi.files.resolution import StaticFile


def make(path: Path, content: bytes = b"content") -> StaticFile:
    path.write_bytes(content)
    return StaticFile(str(path), path.stat())


def later(file: StaticFile) -> float:
    """Return a time at which nothing about the file can change unnoticed."""
    return file.stat.st_ctime + 10


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are opened from now on."""
    paths = []

    def note(root: str, path: str, links: Links, real: str | None) -> int:
        paths.append(path)
        return open_file(root, path, links, real)

    monkeypatch.setattr("httpout_cgi.files.contents.open_file", note)
    return paths


def test_small_file_is_opened_once(tmp_path: Path, opened: list[str]) -> None:
    file, contents = make(tmp_path / "a.txt"), Contents()

    found = [contents.open(file, later(file)) for _ in range(3)]

    assert [one.data for one in found] == [b"content"] * 3
    assert opened == [file.path]


def test_large_file_is_opened_each_time(tmp_path: Path, opened: list[str]) -> None:
    file, contents = make(tmp_path / "a.bin", bytes(SMALL + 1)), Contents()

    for _ in range(2):
        content = contents.open(file, later(file))
        assert (content.data, content.size) == (b"", SMALL + 1)
        content.close()

    assert opened == [file.path] * 2


def edit_in_place(path: Path) -> None:
    path.write_bytes(b"CONTENT")


def replace_it(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(b"CONTENT")
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.replace(path)


def edit_and_set_the_time_back(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "edit", [edit_in_place, replace_it, edit_and_set_the_time_back]
)
def test_edited_file_is_read_again(
    tmp_path: Path, edit: Callable[[Path], None]
) -> None:
    file, contents = make(tmp_path / "a.txt"), Contents()
    contents.open(file, later(file))

    # A tick of the file system's clock may be 10 ms.
    while (tmp_path / "a.txt").stat().st_ctime_ns == file.stat.st_ctime_ns:
        edit(tmp_path / "a.txt")
    file = replace(file, stat=os.stat(file.path))

    assert contents.open(file, later(file)).data == b"CONTENT"


def test_file_that_has_just_changed_is_not_remembered(
    tmp_path: Path, opened: list[str]
) -> None:
    file, contents = make(tmp_path / "a.txt"), Contents()

    for _ in range(2):
        contents.open(file, file.stat.st_ctime + 0.5)

    assert len(opened) == 2


def test_no_more_is_remembered_than_asked_for(
    tmp_path: Path, opened: list[str]
) -> None:
    files = [make(tmp_path / name, bytes(40)) for name in "abc"]
    large = make(tmp_path / "large", bytes(101))
    contents = Contents(100)

    for file in (*files, *files[1:], large, large, files[0]):
        contents.open(file, later(file))

    names = [os.path.basename(path) for path in opened]
    assert names == ["a", "b", "c", "large", "large", "a"]


def test_empty_file_is_remembered_too(tmp_path: Path, opened: list[str]) -> None:
    file, contents = make(tmp_path / "a.txt", b""), Contents()

    for _ in range(2):
        content = contents.open(file, later(file))
        assert (content.size, content.data, content.file) == (0, b"", None)

    assert len(opened) == 1


@pytest.mark.parametrize("is_known", [False, True])
def test_file_of_another_account_is_refused(tmp_path: Path, is_known: bool) -> None:
    file, contents = make(tmp_path / "a.txt"), Contents()
    if is_known:
        contents.open(file, later(file))

    with pytest.raises(HTTPError, match="403"):
        contents.open(replace(file, owner=os.geteuid() + 1), later(file))
    mine = replace(file, owner=os.geteuid())
    assert contents.open(mine, later(file)).data == b"content"


def test_large_file_that_shrinks(tmp_path: Path) -> None:
    file = make(tmp_path / "a.bin", bytes(SMALL + 1))
    content = Contents().open(file, later(file))
    os.truncate(file.path, 5)

    with pytest.raises(HTTPError) as refused:
        content.read(0, 10)

    content.close()
    assert refused.value.status == HTTPStatus.INTERNAL_SERVER_ERROR
