"""Threads with a working directory and a umask of their own."""

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
