"""A look at a file says what os.stat() says, however it is done."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator

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
