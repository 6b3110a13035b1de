"""The places that a path leads through."""

import os
from pathlib import Path

import pytest

from httpout_cgi.files.link_trace import trace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is behind no link itself."""
    real = tmp_path.resolve()
    (real / "a/b").mkdir(parents=True)
    (real / "a/b/file").touch()
    (real / "up").symlink_to("a/b/../b")
    (real / "a/link").symlink_to("b/file")
    (real / "absolute").symlink_to(real / "a/link")
    (real / "broken").symlink_to("a/missing")
    (real / "loop").symlink_to("loop")
    (real / "root").symlink_to("/../..")
    return real


@pytest.mark.parametrize(
    ("path", "places"),
    [
        pytest.param("a/b/file", ["a/b/file"], id="none"),
        pytest.param("a//./b/", ["a/b"], id="slashes and dots"),
        pytest.param("a/link", ["a/link", "a/b/file"], id="file"),
        pytest.param("up/file", ["up", "a/b/file"], id="folder"),
        pytest.param("up/../link", ["up", "a/link", "a/b/file"], id="up behind one"),
        pytest.param("absolute", ["absolute", "a/link", "a/b/file"], id="chain"),
        pytest.param("broken/x", ["broken", "a/missing"], id="broken"),
        pytest.param("missing/x", ["missing"], id="missing"),
        pytest.param("a/b/file/x", ["a/b/file/x"], id="below a file"),
        pytest.param("loop", ["loop"] * 41 + [""], id="loop"),
    ],
)
def test_each_link_and_the_end_is_a_place(
    folder: Path, path: str, places: list[str]
) -> None:
    found = list(trace(f"{folder}/{path}"))
    assert found == [f"{folder}/{place}".rstrip("/") for place in places]


def test_the_end_is_the_real_path(folder: Path) -> None:
    for path in ("a/b/file", "up/../link", "absolute"):
        assert list(trace(f"{folder}/{path}"))[-1] == os.path.realpath(folder / path)


def test_nothing_is_looked_at_below_what_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CWE-400: to look at each of 8,000 names would keep the loop for 20 ms."""
    asked = []

    def read(path: str) -> str:
        asked.append(path)
        return readlink(path)

    readlink = os.readlink
    monkeypatch.setattr(os, "readlink", read)
    assert list(trace(f"{folder}/missing" + "/a" * 8000)) == [f"{folder}/missing"]
    assert asked[-1] == f"{folder}/missing"


def test_there_is_nothing_above_the_root(folder: Path) -> None:
    assert list(trace(f"{folder}/root")) == [f"{folder}/root", "/"]
    assert list(trace("/")) == ["/"]
