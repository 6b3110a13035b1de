"""Siblings: compressed copies beside a file."""

import os
from pathlib import Path

import pytest

from httpout_cgi.files.resolution import StaticFile
from httpout_cgi.files.siblings import Siblings

OLD = 1_600_000_000
NOW = OLD + 100.0


@pytest.fixture
def file(tmp_path: Path) -> StaticFile:
    path = make(tmp_path / "a.txt")
    return StaticFile(str(path), path.stat())


def make(path: Path, modified: float = OLD) -> Path:
    path.write_bytes(b"content")
    os.utime(path, (modified, modified))
    settle(path.parent)
    return path


def settle(folder: Path, modified: float = OLD) -> None:
    """Let a folder look as if it had been changed then."""
    os.utime(folder, (modified, modified))


def find(file: StaticFile) -> list[str]:
    return list(Siblings().find(file, NOW))


def test_siblings_are_found_by_suffix(tmp_path: Path, file: StaticFile) -> None:
    for name in ("a.txt.br", "a.txt.zst", "a.txt.gz", "a.txt.xz", "b.txt.gz"):
        make(tmp_path / name)

    found = Siblings().find(file, NOW)

    assert {coding: one.path for coding, one in found.items()} == {
        "br": f"{file.path}.br",
        "zstd": f"{file.path}.zst",
        "gzip": f"{file.path}.gz",
    }
    assert found["gzip"].stat == os.stat(f"{file.path}.gz")


def test_no_siblings(file: StaticFile) -> None:
    assert find(file) == []


def test_siblings_have_none(tmp_path: Path) -> None:
    make(tmp_path / "a.gz.br")
    path = make(tmp_path / "a.gz")

    assert find(StaticFile(str(path), path.stat())) == []


def test_sibling_that_is_older_does_not_count(tmp_path: Path, file: StaticFile) -> None:
    make(tmp_path / "a.txt.gz", OLD - 1)

    assert find(file) == []


def test_link_as_sibling_does_not_count(tmp_path: Path, file: StaticFile) -> None:
    make(tmp_path / "secret")
    (tmp_path / "a.txt.gz").symlink_to("secret")

    assert find(file) == []


def test_folder_as_sibling_does_not_count(tmp_path: Path, file: StaticFile) -> None:
    (tmp_path / "a.txt.gz").mkdir()

    assert find(file) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_sibling_of_another_owner_does_not_count(
    tmp_path: Path, file: StaticFile
) -> None:
    os.chown(make(tmp_path / "a.txt.gz"), 65534, 65534)

    assert find(file) == []


def test_siblings_of_a_link_lie_beside_it(tmp_path: Path, file: StaticFile) -> None:
    make(tmp_path / "link.txt.gz")
    path = str(tmp_path / "link.txt")
    link = StaticFile(path, file.stat, links="owner", real="/elsewhere/a.txt")

    found = Siblings().find(link, NOW)

    assert found["gzip"].real == f"{path}.gz"


def test_sibling_that_comes_and_goes(tmp_path: Path, file: StaticFile) -> None:
    siblings = Siblings()
    assert not siblings.find(file, NOW)
    sibling = make(tmp_path / "a.txt.gz")
    settle(tmp_path, OLD + 1)
    assert siblings.find(file, NOW)
    assert siblings.find(file, NOW)
    sibling.unlink()
    settle(tmp_path, OLD + 1)
    # As long as the folder looks the same, only what was there is looked for.
    assert not siblings.find(file, NOW)
    settle(tmp_path, OLD + 2)
    assert not siblings.find(file, NOW)


def test_folder_is_looked_at_again_while_its_time_can_stay(
    tmp_path: Path, file: StaticFile
) -> None:
    siblings = Siblings()
    assert not siblings.find(file, OLD + 0.5)
    make(tmp_path / "a.txt.gz")

    assert siblings.find(file, OLD + 0.5)


def test_what_is_known_is_forgotten_when_it_is_much(
    tmp_path: Path, file: StaticFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("httpout_cgi.files.siblings._MOST_KNOWN", 1)
    other = StaticFile(str(make(tmp_path / "b.txt")), file.stat)
    siblings = Siblings()

    for _ in range(2):
        assert not siblings.find(file, NOW)
        assert not siblings.find(other, NOW)


def test_folder_that_is_gone(file: StaticFile) -> None:
    gone = StaticFile("/nowhere/a.txt", file.stat)

    assert find(gone) == []
    assert find(StaticFile("/a.txt", file.stat)) == []
