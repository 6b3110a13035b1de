"""The watcher: tells of changes early, and never breaks anything."""

import errno
import itertools
import logging
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver, ObservedWatch

from httpout_cgi.files import watcher
from httpout_cgi.files.watcher import Mode, Watcher

PATIENCE = 20.0


class Changes:
    """What the watcher told, in order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[str] = queue.Queue()
        self._numbers = itertools.count()

    def __call__(self, path: str) -> bool:
        self._queue.put(path)
        return path.endswith(".py")

    def wait_for(self, path: Path) -> list[str]:
        """Wait until a path is told; return what was told before it."""
        before: list[str] = []
        while (told := self._queue.get(timeout=PATIENCE)) != str(path):
            before.append(told)
        return before

    def wait_until_watching(self, folder: Path) -> None:
        """Touch files until one is told: watching begins in the background."""
        probes: set[str] = set()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            probe = folder / f"probe{next(self._numbers)}.txt"
            probes.add(str(probe))
            try:
                probe.touch()
                while self._queue.get(timeout=0.1) not in probes:
                    continue
                return
            except (queue.Empty, FileNotFoundError):
                continue
        raise AssertionError("not watching")


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def watch(
    changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Watcher]]:
    """Start watchers that look and poll often, and stop them at the end."""
    monkeypatch.setattr(watcher, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(watcher, "_POLL_EVERY", 0.05)
    started: list[Watcher] = []

    def start(*folders: Path, mode: Mode = "auto", mounts: str = "") -> Watcher:
        names = [str(folder) for folder in folders]
        one = Watcher(names, changes, mode, mounts=mounts or os.devnull)
        one.start()
        started.append(one)
        return one

    yield start
    for one in started:
        one.stop()


both_modes = pytest.mark.parametrize("mode", ["auto", "poll"])


@both_modes
def test_new_changed_moved_and_deleted_files_are_told(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher], mode: Mode
) -> None:
    watch(tmp_path, mode=mode)
    changes.wait_until_watching(tmp_path)
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("1")
    changes.wait_for(one)
    one.write_text("changed")
    changes.wait_for(one)
    one.rename(two)
    changes.wait_for(two)
    two.unlink()
    changes.wait_for(two)


@both_modes
def test_an_atomic_rename_over_a_file_is_told(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher], mode: Mode
) -> None:
    target = tmp_path / "target.py"
    target.write_text("old")
    watch(tmp_path, mode=mode)
    changes.wait_until_watching(tmp_path)
    new = tmp_path / "new.tmp"
    new.write_text("new")
    new.replace(target)
    changes.wait_for(target)


@both_modes
def test_files_in_new_folders_are_told(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher], mode: Mode
) -> None:
    watch(tmp_path, mode=mode)
    changes.wait_until_watching(tmp_path)
    file = tmp_path / "a" / "b" / "helper.py"
    file.parent.mkdir(parents=True)
    changes.wait_until_watching(file.parent)
    file.write_text("x")
    changes.wait_for(file)


@both_modes
def test_a_folder_may_be_missing_and_vanish_and_come_back(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher], mode: Mode
) -> None:
    folder = tmp_path / "scripts"
    watch(folder, mode=mode)
    for _ in range(2):
        folder.mkdir()
        changes.wait_until_watching(folder)
        (folder / "a.py").write_text("x")
        changes.wait_for(folder / "a.py")
        shutil.rmtree(folder)


@both_modes
def test_a_folder_may_be_replaced_by_another_one(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher], mode: Mode
) -> None:
    folder, new = tmp_path / "scripts", tmp_path / "new"
    folder.mkdir()
    new.mkdir()
    watch(folder, mode=mode)
    changes.wait_until_watching(folder)
    folder.rename(tmp_path / "old")
    new.rename(folder)
    changes.wait_until_watching(folder)
    (folder / "a.py").write_text("x")
    changes.wait_for(folder / "a.py")


@both_modes
def test_a_link_may_lead_elsewhere(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher], mode: Mode
) -> None:
    link, one, two = (tmp_path / name for name in ("link", "one", "two"))
    one.mkdir()
    two.mkdir()
    link.symlink_to(one)
    watch(link, mode=mode)
    changes.wait_until_watching(link)
    link.unlink()
    link.symlink_to(two)
    changes.wait_until_watching(link)


def test_a_link_that_goes_while_it_is_looked_at_ends_no_watcher(
    tmp_path: Path,
    changes: Changes,
    watch: Callable[..., Watcher],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "folder")
    watch(link, mode="poll")
    changes.wait_until_watching(link)
    realpath, has_failed = os.path.realpath, threading.Event()

    def fail_once(path: str) -> str:
        if path == str(link) and not has_failed.is_set():
            has_failed.set()
            # CPython 3.11 raises it if the link goes between lstat() and readlink().
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return realpath(path)

    monkeypatch.setattr(os.path, "realpath", fail_once)
    assert has_failed.wait(PATIENCE)
    changes.wait_until_watching(link)


def test_paths_are_told_as_the_folder_was_named(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher]
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    watch(link)
    changes.wait_until_watching(link)
    (real / "a.py").write_text("x")
    changes.wait_for(link / "a.py")


def test_many_events_of_one_save_are_told_once(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher]
) -> None:
    watch(tmp_path)
    changes.wait_until_watching(tmp_path)
    busy, last = tmp_path / "busy.py", tmp_path / "last.py"
    begun = time.monotonic()
    with busy.open("w") as file:
        for _ in range(100):
            file.write("x\n")
            file.flush()
    last.write_text("x")
    told = changes.wait_for(last).count(str(busy))
    # A busy machine may take its time to write the file.
    assert told <= 2 + (time.monotonic() - begun) / watcher._SETTLE


def test_folders_within_others_are_watched_once(
    tmp_path: Path, changes: Changes, watch: Callable[..., Watcher]
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "inner2").mkdir()
    watch(inner, tmp_path, inner)
    changes.wait_until_watching(inner)
    # One event, not those of a file that is opened, written and closed.
    (tmp_path / "new").touch()
    (tmp_path / "new").rename(inner / "a.py")
    changes.wait_for(inner / "a.py")
    (inner / "b.py").write_text("x")
    assert str(inner / "a.py") not in changes.wait_for(inner / "b.py")


def test_only_what_was_in_use_is_logged(
    tmp_path: Path,
    changes: Changes,
    watch: Callable[..., Watcher],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    one = watch(tmp_path)
    changes.wait_until_watching(tmp_path)
    (tmp_path / "data.txt").write_text("x")
    changes.wait_for(tmp_path / "data.txt")
    (tmp_path / "code.py").write_text("x")
    changes.wait_for(tmp_path / "code.py")
    one.stop()
    assert set(caplog.messages) == {f"reloaded {tmp_path / 'code.py'}"}


def test_a_failing_callback_is_logged_and_watching_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen: queue.Queue[str] = queue.Queue()

    def fail(path: str) -> bool:
        seen.put(path)
        raise ValueError("broken")

    one = Watcher([str(tmp_path)], fail, mounts=os.devnull)
    one.start()
    for number in range(1000):
        (tmp_path / f"{number}.py").touch()
        try:
            seen.get(timeout=0.1)
            break
        except queue.Empty:
            continue
    (tmp_path / "second.py").touch()
    while not seen.get(timeout=PATIENCE).endswith("second.py"):
        continue
    one.stop()
    assert f"cannot reload {tmp_path / 'second.py'}" in caplog.messages


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
def test_without_inotify_it_polls_and_says_so_once(
    tmp_path: Path,
    changes: Changes,
    watch: Callable[..., Watcher],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    def exhausted() -> BaseObserver:
        raise OSError(number, "inotify limit reached")

    monkeypatch.setattr(watcher, "Observer", exhausted)
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    watch(*folders)
    for folder in folders:
        changes.wait_until_watching(folder)
    assert caplog.messages == ["polling files, without inotify: inotify limit reached"]


def test_network_file_systems_are_polled(
    tmp_path: Path,
    changes: Changes,
    watch: Callable[..., Watcher],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def no_inotify() -> BaseObserver:
        raise AssertionError("inotify on a network file system")

    monkeypatch.setattr(watcher, "Observer", no_inotify)
    caplog.set_level(logging.INFO)
    folder = tmp_path / "my share"
    folder.mkdir()
    mounts = tmp_path / "mounts"
    point = str(folder).replace(" ", "\\040")
    mounts.write_text(
        f"/dev/sda / ext4 rw 0 0\nshort\nserver:/x {point} nfs4 rw 0 0\n"
        f"tmpfs {tmp_path}/my tmpfs rw 0 0\n"
    )
    watch(folder, mounts=str(mounts))
    changes.wait_until_watching(folder)
    assert caplog.messages == [f"polling {folder}, which is on a network (nfs4)"]


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("ext4", False),
        ("overlay", False),
        ("fuseblk", False),
        ("nfs", True),
        ("cifs", True),
        ("9p", True),
        ("fuse.sshfs", True),
        ("fuse", True),
    ],
)
def test_kinds_of_file_systems(tmp_path: Path, kind: str, network: bool) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw\nx {tmp_path} {kind} rw 0 0\n")
    found = watcher.find_network(str(tmp_path / "a"), str(mounts))
    assert found == (kind if network else None)


def test_without_a_list_of_mounts_nothing_is_a_network(tmp_path: Path) -> None:
    assert watcher.find_network(str(tmp_path), str(tmp_path / "none")) is None


def test_off_starts_nothing(tmp_path: Path, changes: Changes) -> None:
    before = threading.active_count()
    one = Watcher([str(tmp_path)], changes, "off")
    one.start()
    assert threading.active_count() == before
    one.stop()


def test_stop_ends_its_threads(tmp_path: Path, changes: Changes) -> None:
    one = Watcher([str(tmp_path)], changes, "poll", mounts=os.devnull)
    before = threading.active_count()
    one.start()
    changes.wait_until_watching(tmp_path)
    one.stop()
    assert threading.active_count() == before


def test_an_error_of_the_watcher_is_logged(
    tmp_path: Path,
    changes: Changes,
    watch: Callable[..., Watcher],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> BaseObserver:
        raise RuntimeError("broken")

    monkeypatch.setattr(watcher, "Observer", broken)
    watch(tmp_path).stop()
    assert caplog.messages in (
        [],  # stopped before it began
        ["watcher ended; changes are still seen at the next use"],
    )


def test_a_folder_that_vanishes_while_it_is_looked_at_is_tried_again(
    tmp_path: Path,
    changes: Changes,
    watch: Callable[..., Watcher],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    schedule = BaseObserver.schedule
    failures = [FileNotFoundError(errno.ENOENT, "vanished")]

    def fail_once(*arguments: object, **options: object) -> ObservedWatch:
        if failures:
            raise failures.pop()
        return schedule(*arguments, **options)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(BaseObserver, "schedule", fail_once)
    watch(tmp_path, mode="poll")
    changes.wait_until_watching(tmp_path)
    assert not failures
    assert caplog.messages == []


def test_a_folder_that_is_gone_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert watcher._identify(str(tmp_path)) is not None
    assert watcher._identify(str(tmp_path / "file")) is None
    assert watcher._identify(str(tmp_path / "gone")) is None
