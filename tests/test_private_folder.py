"""The private folder of a socket: where it is, who may enter, and its end."""

import contextlib
import fcntl
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi.errors import StartError
from httpout_cgi.processes import private_folder
from httpout_cgi.processes.privileges import Account
from tests.accounts import NOBODY, public_folder, without_privileges

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do it")
ACCOUNT = Account("nobody", NOBODY, NOBODY, (NOBODY,))


@pytest.fixture(autouse=True)
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The first folder that is tried; its path is short."""
    with public_folder() as folder:
        monkeypatch.setenv("RUNTIME_DIRECTORY", f"{folder}:/nowhere")
        yield folder


def leave_folder(parent: Path, name: str = "httpout-pool-x") -> Path:
    """Make what a server that was killed has left."""
    folder = parent / name
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "socket"))
    return folder


def test_it_is_ours_alone_and_goes_with_its_socket(parent: Path) -> None:
    folder = private_folder.make(None)
    assert folder.socket.parent.parent == parent
    seen = folder.socket.parent.stat()
    assert stat.S_IMODE(seen.st_mode) == 0o700
    assert seen.st_uid == os.geteuid()
    folder.socket.touch()
    folder.close()
    assert not list(parent.iterdir())


@as_root
def test_it_belongs_to_the_account_of_the_workers() -> None:
    with contextlib.closing(private_folder.make(ACCOUNT)) as folder:
        seen = folder.socket.parent.stat()
        assert (seen.st_uid, seen.st_gid) == (NOBODY, NOBODY)
        assert stat.S_IMODE(seen.st_mode) == 0o700


def test_what_is_in_use_otherwise_stays(parent: Path) -> None:
    folder = private_folder.make(None)
    other = folder.socket.with_name("other")
    other.touch()
    folder.close()
    assert other.exists()


def test_a_folder_that_has_gone_is_no_problem(parent: Path) -> None:
    folder = private_folder.make(None)
    folder.socket.parent.rmdir()
    folder.close()


def test_the_folder_of_a_killed_server_is_removed(parent: Path) -> None:
    stale = leave_folder(parent)
    with contextlib.closing(private_folder.make(None)):
        assert not stale.exists()


def test_the_folder_of_a_living_server_stays(parent: Path) -> None:
    with contextlib.closing(private_folder.make(None)) as first:
        first.socket.touch()
        with contextlib.closing(private_folder.make(None)) as second:
            assert first.socket.exists()
            assert second.socket.parent != first.socket.parent


def test_what_only_looks_like_one_is_left_alone(parent: Path) -> None:
    kept = [
        leave_folder(parent, "httpout-cgi-guestbook"),
        parent / "httpout-pool-file",
        parent / "httpout-pool-full" / "data",
    ]
    kept[1].touch()
    kept[2].parent.mkdir()
    kept[2].touch()
    with tempfile.TemporaryDirectory() as elsewhere:
        target = leave_folder(Path(elsewhere))
        (parent / "httpout-pool-link").symlink_to(target)
        private_folder.make(None).close()
        assert (target / "socket").exists()
    assert all(one.exists() for one in kept)


@as_root
def test_folders_of_others_are_left_alone(parent: Path) -> None:
    stale = leave_folder(parent)
    os.chown(stale, NOBODY, NOBODY)
    private_folder.make(None).close()
    assert (stale / "socket").exists()
    private_folder.make(ACCOUNT).close()
    assert not stale.exists()


def test_one_that_was_taken_for_stale_before_it_was_locked_is_made_again(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Path] = []
    lock = fcntl.flock

    def take_first(descriptor: int, operation: int) -> None:
        if not taken:
            taken.extend(parent.iterdir())
            taken[0].rmdir()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", take_first)
    with contextlib.closing(private_folder.make(None)) as folder:
        assert folder.socket.parent.exists()
        assert folder.socket.parent != taken[0]


def test_nothing_is_left_of_a_folder_that_cannot_be_locked(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(parent))
    with pytest.raises(StartError, match=r"No locks available.*: set TMPDIR"):
        private_folder.make(None)
    assert not list(parent.iterdir())


def test_the_next_folder_is_tried(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = parent / ("long" * 20)
    long.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(long))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(parent))
    with without_privileges(), pytest.raises(StartError) as caught:
        private_folder.make(None)
    text = str(caught.value)
    assert text.startswith("no folder for the socket of the pool (")
    assert f"{long}: the path is too long for a socket; /run: Permission" in text
    assert f"; {parent}: Permission denied): set TMPDIR" in text


@as_root
def test_a_folder_that_the_account_cannot_enter_is_not_used(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent.chmod(0o700)
    monkeypatch.setattr(private_folder, "_list_parents", lambda: iter([parent]))
    with pytest.raises(StartError, match="nobody may not enter it"):
        private_folder.make(ACCOUNT)
    assert not list(parent.iterdir())


def test_without_any_folder_the_others_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setenv("RUNTIME_DIRECTORY", "/nowhere")
    monkeypatch.setattr(tempfile, "gettempdir", fail)
    with without_privileges(), pytest.raises(StartError, match=r"\(/nowhere: we may"):
        private_folder.make(None)
