"""A script is found again only if the way to it is what it was."""

import os
from pathlib import Path

import pytest

from httpout_cgi.config import ScriptMount, Site
from httpout_cgi.files import script_cache
from httpout_cgi.files.resolve import Resolver
from tests.resolving import find_script, find_status


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scripts/a/b").mkdir(parents=True)
    for name in ("one.py", "a/two.py", "a/b/three.py"):
        (tmp_path / "scripts" / name).write_text("pass\n")
    return tmp_path / "scripts"


def make_resolver(folder: Path, *match: str, links: str = "never") -> Resolver:
    mount = ScriptMount(url="/s/", path=folder, match=match or ("*.py",))
    values = {"docroot": folder.parent, "scripts": [mount], "follow_symlinks": links}
    return Resolver(Site.model_validate(values), label="main")


@pytest.mark.parametrize("path", ["/s/one.py", "/s/a/two.py", "/s/a/b/three.py"])
def test_a_script_is_found_again_as_it_is_now(folder: Path, path: str) -> None:
    resolver = make_resolver(folder)
    first = find_script(resolver, path)
    os.utime(first.path, ns=(1, 2))
    second = find_script(resolver, path)
    assert second.stat.st_mtime_ns == 2
    assert second == first._replace(stat=os.lstat(first.path))


@pytest.mark.parametrize("names", [("one.py",), ("a",), ("a", "b")])
@pytest.mark.parametrize(("links", "status"), [("never", 403), ("always", None)])
def test_a_link_that_was_put_there_meanwhile_is_no_way(
    folder: Path, names: tuple[str, ...], links: str, status: int | None
) -> None:
    # CWE-59: who may write below the folder would have others' files run.
    path = {"one.py": "/s/one.py", "a": "/s/a/two.py", "b": "/s/a/b/three.py"}
    asked = path[names[-1]]
    resolver = make_resolver(folder, links=links)
    find_script(resolver, asked)
    replaced = folder.joinpath(*names)
    replaced.rename(folder.parent / "elsewhere")
    replaced.symlink_to(folder.parent / "elsewhere")
    if status is None:
        find_script(resolver, asked)
    else:
        assert find_status(resolver, asked) == status


def test_a_script_that_has_gone_is_not_found(folder: Path) -> None:
    resolver = make_resolver(folder)
    find_script(resolver, "/s/one.py")
    (folder / "one.py").unlink()
    assert find_status(resolver, "/s/one.py") == 404


def test_what_became_a_folder_is_no_script(folder: Path) -> None:
    resolver = make_resolver(folder)
    find_script(resolver, "/s/one.py")
    (folder / "one.py").unlink()
    (folder / "one.py").mkdir()
    assert find_status(resolver, "/s/one.py/") == 403


def test_a_folder_that_became_a_script_has_the_rest_for_its_extra_path(
    folder: Path,
) -> None:
    resolver = make_resolver(folder, "*")
    (folder / "a/two.py").chmod(0o755)
    find_script(resolver, "/s/a/two.py")
    (folder / "a").rename(folder / "c")
    (folder / "a").write_text("pass\n")
    (folder / "a").chmod(0o755)
    assert find_script(resolver, "/s/a/two.py").extra_path == "/two.py"


def test_what_may_not_be_executed_any_more_does_not_run(folder: Path) -> None:
    resolver = make_resolver(folder, "*")
    (folder / "one.py").chmod(0o755)
    find_script(resolver, "/s/one.py")
    (folder / "one.py").chmod(0o644)
    assert find_status(resolver, "/s/one.py") == 403


def test_extra_paths_are_not_kept(folder: Path) -> None:
    # Clients make up as many as they like (CWE-770).
    resolver = make_resolver(folder)
    for number in range(3):
        assert find_script(resolver, f"/s/one.py/{number}").extra_path == f"/{number}"
    assert not resolver._cache._found


def test_no_more_scripts_are_kept_than_there_is_room_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script_cache, "_LIMIT", 2)
    resolver = make_resolver(folder)
    for path in ("/s/one.py", "/s/a/two.py", "/s/a/b/three.py", "/s/one.py"):
        find_script(resolver, path)
        assert len(resolver._cache._found) <= 2


def test_a_look_is_believed_for_the_time_that_is_allowed(folder: Path) -> None:
    now = 100.0
    resolver = make_resolver(folder)
    resolver._cache = script_cache.ScriptCache(2.0, lambda: now)
    first = find_script(resolver, "/s/a/two.py")
    os.utime(first.path, ns=(1, 2))
    now = 101.9
    assert find_script(resolver, "/s/a/two.py") == first
    now = 102.0
    second = find_script(resolver, "/s/a/two.py")
    assert second.stat.st_mtime_ns == 2
    (folder / "a").rename(folder / "b")
    now = 103.9
    assert find_script(resolver, "/s/a/two.py") == second
    now = 104.0
    assert find_status(resolver, "/s/a/two.py") == 404


def test_a_look_that_found_nothing_is_not_believed(folder: Path) -> None:
    resolver = make_resolver(folder)
    resolver._cache = script_cache.ScriptCache(2.0, lambda: 100.0)
    assert find_status(resolver, "/s/late.py") == 404
    (folder / "late.py").write_text("pass\n")
    find_script(resolver, "/s/late.py")
