"""A look at a file says what os.stat() says, however it is done."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator, List

import pytest
from httpout_cgi.interpreter import file_state
from httpout_cgi.interpreter.file_state import look
from httpout_cgi.interpreter.source import sign


@pytest.fixture(params=["os.stat", "statx"], autouse=True)
def how(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "os.stat":
        yield
        return
    if not sys.platform.startswith("linux"):
        pytest.skip("statx() is Linux's")
    undo = file_state.install()
    assert file_state._find_state is not None
    yield
    undo()


@pytest.mark.parametrize(
    "times",
    [
        pytest.param((1_700_000_000_123_456_789, 1_600_000_000_987_654_321), id="ns"),
        pytest.param((0, 1), id="the epoch"),
        pytest.param((0, -1_500_000_000), id="before it"),
    ],
)
def test_it_is_what_stat_says(tmp_path: Path, times: tuple[int, int]) -> None:
    file = tmp_path / "file ä.py"
    file.write_bytes(b"x" * 70_000)
    os.utime(file, ns=times)
    link = tmp_path / "link"
    link.symlink_to(file)
    for path in (file, link, tmp_path, Path("/dev/null"), Path("/proc/self/stat")):
        found = look(str(path))
        seen = sign(os.stat(path))
        if path.parts[1] == "proc":  # its times are those of the look
            found, seen = (*found[:3], 0, 0), (*seen[:3], 0, 0)
        assert found == seen


def test_a_relative_path_is_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("pass\n")
    monkeypatch.chdir(tmp_path)
    assert look("a.py") == sign(os.stat(tmp_path / "a.py"))


def test_what_is_not_there_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError) as missing:
        look(str(tmp_path / "missing"))
    assert missing.value.filename == str(tmp_path / "missing")
    with pytest.raises(NotADirectoryError):
        look(str(tmp_path / "file/name"))


def test_nul_ends_no_path(tmp_path: Path) -> None:
    # CWE-158: it would be the file before it.
    file = tmp_path / "a.py"
    file.write_text("pass\n")
    with pytest.raises(ValueError, match="null"):
        look(f"{file}\0b.py")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[float]]:
    """What time it is, while looks are believed for two seconds."""
    now = [100.0]
    monkeypatch.setattr(file_state, "_now", lambda: now[0])
    file_state.believe_for(2.0)
    yield now
    file_state.believe_for(0.0)


def test_a_look_is_believed_for_so_long(tmp_path: Path, clock: List[float]) -> None:
    file = tmp_path / "a.py"
    file.write_text("1\n")
    first = look(str(file))
    file.write_text("one\n")
    clock[0] = 101.9
    assert look(str(file)) == first
    clock[0] = 102.0
    second = look(str(file))
    assert second == sign(os.stat(file)) != first
    file.unlink()
    clock[0] = 103.9
    assert look(str(file)) == second
    clock[0] = 104.0
    with pytest.raises(FileNotFoundError):
        look(str(file))


@pytest.mark.usefixtures("clock")
def test_what_is_not_there_is_looked_for_again(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    with pytest.raises(FileNotFoundError):
        look(str(file))
    file.write_text("1\n")
    assert look(str(file)) == sign(os.stat(file))


@pytest.mark.usefixtures("clock")
def test_relative_paths_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each run has a working directory of its own.
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(name * len(name))
        monkeypatch.chdir(tmp_path / name)
        assert look("a.py") == sign(os.stat(tmp_path / name / "a.py"))


@pytest.mark.usefixtures("clock")
def test_no_more_looks_are_kept_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_state, "_LIMIT", 2)
    for number in range(5):
        file = tmp_path / f"{number}.py"
        file.write_text("1\n" * number)
        assert look(str(file)) == sign(os.stat(file))
        assert 1 <= len(file_state._kept) <= 2


@pytest.mark.usefixtures("clock")
def test_another_time_that_is_allowed_is_for_new_looks(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("1\n")
    look(str(file))
    file.write_text("one\n")
    file_state.believe_for(1.0)
    assert look(str(file)) == sign(os.stat(file))
