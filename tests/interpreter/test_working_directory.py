"""Threads with a working directory and a umask of their own."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from pathlib import Path

import pytest
from httpout_cgi.interpreter import working_directory


def test_a_thread_changes_only_its_own_directory(tmp_path: Path) -> None:
    before = os.getcwd()
    mask = os.umask(0o022)
    seen: list[object] = []

    def work() -> None:
        working_directory.own_working_directory()
        os.chdir(tmp_path)
        seen.append(os.getcwd())
        os.umask(0o077)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [str(tmp_path)]
    assert os.getcwd() == before
    assert os.umask(mask) == 0o022


def test_it_is_available_on_linux() -> None:
    assert working_directory.is_available()


class RefusingLibrary:
    def __init__(self, name: None, use_errno: bool) -> None:
        pass

    def unshare(self, flags: int) -> int:
        ctypes.set_errno(errno.EPERM)
        return -1


class OldLibrary:
    def __init__(self, name: None, use_errno: bool) -> None:
        pass


@pytest.mark.parametrize("library", [RefusingLibrary, OldLibrary])
def test_a_system_that_refuses_is_noticed(
    monkeypatch: pytest.MonkeyPatch, library: type
) -> None:
    monkeypatch.delattr(os, "unshare", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", library)
    assert not working_directory.is_available()
    with pytest.raises(OSError, match=r"unshare|permitted"):
        working_directory.own_working_directory()


def test_a_thread_changes_to_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "caf\u00e9 \udcff"
    folder.mkdir()
    seen: list[str] = []

    def change() -> None:
        working_directory.own_working_directory()
        working_directory.change_to(str(folder))
        seen.append(os.getcwd())

    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
    assert seen == [str(folder)]


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        working_directory.change_to(str(tmp_path / "gone"))
