"""Folders that a pool has listed for its children: what they find is what is there."""

from __future__ import annotations

import errno
import os
import posix
import sys
import time
from collections.abc import Iterator
from importlib.machinery import FileFinder
from importlib.util import find_spec
from pathlib import Path

import pytest
from httpout_cgi.interpreter.main_imports import FoundFolders


@pytest.fixture(autouse=True)
def _path() -> Iterator[None]:
    path, finders = [*sys.path], {*sys.path_importer_cache}
    yield
    sys.path[:] = path
    for name in sys.path_importer_cache.keys() - finders:
        del sys.path_importer_cache[name]


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all be as if what has just been written had been there for a second."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 1_000_000_000)


def make_folder(path: Path, *names: str) -> str:
    path.mkdir()
    for name in names:
        (path / name).touch()
    return str(path)


def list_known(folder: str) -> object:
    finder = sys.path_importer_cache.get(folder)
    assert finder is None or isinstance(finder, FileFinder)
    return finder and finder._path_cache  # type: ignore[attr-defined]


def test_a_finder_has_listed_the_folder(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", "one.py")
    folders = FoundFolders()
    folders.add(folder)
    assert list_known(folder) == {"one.py"}
    finder = sys.path_importer_cache[folder]
    folders.add(folder)
    assert sys.path_importer_cache[folder] is finder


def test_what_has_changed_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", "one.py")
    folders = FoundFolders()
    folders.add(folder)
    sys.path.insert(0, folder)
    assert find_spec("one")
    assert not find_spec("two")
    (tmp_path / "a/two.py").touch()
    (tmp_path / "a/one.py").unlink()
    assert find_spec("two")
    assert not find_spec("one")


def test_what_has_changed_is_found_though_the_time_was_put_back(tmp_path: Path) -> None:
    # By an archive, or rsync: a FileFinder would not look.
    folder = make_folder(tmp_path / "a", "one.py")
    folders = FoundFolders()
    folders.add(folder)
    sys.path.insert(0, folder)
    assert find_spec("one")
    before = os.stat(folder)
    (tmp_path / "a/two.py").touch()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_spec("two")
    (tmp_path / "a/three.py").touch()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    folders.add(folder)
    assert list_known(folder) == {"one.py", "two.py", "three.py"}


def test_a_folder_that_is_deleted_is_empty(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", "one.py")
    FoundFolders().add(folder)
    sys.path.insert(0, folder)
    (tmp_path / "a/one.py").unlink()
    (tmp_path / "a").rmdir()
    assert not find_spec("one")


def test_a_folder_that_cannot_be_listed_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> list[str]:
        raise OSError(errno.EMFILE, "no more descriptors")

    folder = make_folder(tmp_path / "a", "one.py")
    # As importlib calls it.
    monkeypatch.setattr(posix, "listdir", refuse)
    FoundFolders().add(folder)
    assert list_known(folder) is None


def test_a_finder_of_somebody_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(FileFinder):
        pass

    folder = make_folder(tmp_path / "a", "one.py")
    monkeypatch.setattr(sys, "path_hooks", [Other.path_hook()])
    FoundFolders().add(folder)
    assert type(sys.path_importer_cache[folder]) is Other


def test_a_folder_that_has_changed_is_listed_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", "one.py")
    folders = FoundFolders()
    folders.add(folder)
    (tmp_path / "a/two.py").touch()
    folders.add(folder)
    assert list_known(folder) == {"one.py", "two.py"}


def test_a_folder_that_has_changed_just_now_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path / "a", "one.py")
    written = os.stat(folder).st_mtime_ns
    monkeypatch.setattr(time, "time_ns", lambda: written + 1)
    folders = FoundFolders()
    folders.add(folder)
    assert list_known(folder) is None


@pytest.mark.parametrize("name", ["empty", "missing", "file"])
def test_what_is_no_folder_of_modules_is_left(tmp_path: Path, name: str) -> None:
    make_folder(tmp_path / "empty")
    (tmp_path / "file").touch()
    folders = FoundFolders()
    folders.add(str(tmp_path / name))
    assert str(tmp_path / name) not in sys.path_importer_cache


def test_folders_do_not_pile_up(tmp_path: Path) -> None:
    folders = FoundFolders()
    paths = [make_folder(tmp_path / f"{number}", "one.py") for number in range(70)]
    for path in paths:
        folders.add(path)
    assert [path in sys.path_importer_cache for path in paths] == 6 * [False] + (
        64 * [True]
    )
