"""Compiled code is that of the file as it is now."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from httpout_cgi.interpreter.code_cache import CodeCache

LONG_AGO = (1_000_000_000, 1_000_000_000)


def value(cache: CodeCache, path: Path) -> object:
    namespace: dict[str, object] = {}
    exec(cache.load(str(path)).code, namespace)
    return namespace["x"]


def write(path: Path, source: str) -> None:
    """Write a file whose mtime is long past; its ctime cannot be set."""
    path.write_text(source)
    os.utime(path, ns=LONG_AGO)


def test_code_is_compiled_once(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1")
    cache = CodeCache(clock_ns=lambda: 2**62)
    assert cache.load(str(path)).code is cache.load(str(path)).code
    assert cache.load(str(path)).code is cache.load(str(path), path.stat()).code


def test_the_name_of_the_file_is_in_the_code(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1")
    assert CodeCache().load(str(path)).code.co_filename == str(path)


@pytest.mark.parametrize("times", [None, LONG_AGO], ids=["new times", "same mtime"])
def test_an_edit_of_the_same_size_is_seen(
    tmp_path: Path, times: tuple[int, int] | None
) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1")
    cache = CodeCache()
    for number in range(20):
        path.write_text(f"x = {number % 10}")
        if times is not None:
            os.utime(path, ns=times)
        assert value(cache, path) == number % 10


def test_an_edit_within_a_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1")
    stat = path.stat()
    # The file looks the same, for its times stood still while it was changed.
    now = max(stat.st_mtime_ns, stat.st_ctime_ns) + 4_000_000
    cache = CodeCache(clock_ns=lambda: now)
    first = cache.load(str(path), stat)
    assert cache.load(str(path), stat).code is first.code
    path.write_text("x = 2")
    os.utime(path, ns=LONG_AGO)
    assert value_of(cache, path, stat) == 2


def value_of(cache: CodeCache, path: Path, stat: os.stat_result) -> object:
    namespace: dict[str, object] = {}
    exec(cache.load(str(path), stat).code, namespace)
    return namespace["x"]


def test_an_atomic_rename_is_seen(tmp_path: Path) -> None:
    path, new = tmp_path / "a.py", tmp_path / "new"
    write(path, "x = 1")
    cache = CodeCache(clock_ns=lambda: 2**62)
    assert value(cache, path) == 1
    write(new, "x = 2")
    new.rename(path)
    assert value(cache, path) == 2


def test_an_old_stat_of_the_caller_does_not_hide_an_edit(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1")
    old = path.stat()
    cache = CodeCache(clock_ns=lambda: 2**62)
    write(path, "x = 22")
    assert value_of(cache, path, old) == 22
    assert value(cache, path) == 22


def test_a_syntax_error_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "if")
    cache = CodeCache(clock_ns=lambda: 2**62)
    with pytest.raises(SyntaxError) as first:
        cache.load(str(path))
    with pytest.raises(SyntaxError) as second:
        cache.load(str(path))
    assert first.value is not second.value
    assert first.value.args == second.value.args
    path.write_text("x = 3")
    assert value(cache, path) == 3


def test_a_source_with_null_bytes_cannot_be_compiled(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\0")
    with pytest.raises((SyntaxError, ValueError)):
        CodeCache().load(str(path))


def test_a_missing_file_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    cache = CodeCache()
    with pytest.raises(FileNotFoundError):
        cache.load(str(path))
    write(path, "x = 1")
    assert value(cache, path) == 1


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("x = 'é'".encode(), id="utf-8"),
        pytest.param("# coding: latin-1\nx = 'é'".encode("latin-1"), id="latin-1"),
        pytest.param("x = 'é'".encode("utf-8-sig"), id="bom"),
        pytest.param("#!/usr/bin/python3\r\nx = 'é'\r\n".encode(), id="crlf"),
    ],
)
def test_source_encodings(tmp_path: Path, source: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(source)
    assert value(CodeCache(), path) == "é"


def test_our_own_future_features_are_not_inherited(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "def f(a: 1 + 1): pass\nx = f.__annotations__['a']")
    assert value(CodeCache(), path) == 2


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("x = 1", False),
        ("import builtins", True),
        ("__builtins__.x = 1", True),
        ("import gettext", True),
    ],
)
def test_sources_that_may_change_builtins(
    tmp_path: Path, source: str, changes: bool
) -> None:
    path = tmp_path / "a.py"
    write(path, source)
    assert CodeCache().load(str(path)).changes_builtins is changes


def test_refresh_compiles_what_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1")
    cache = CodeCache(clock_ns=lambda: 2**62)
    cache.refresh(str(path))
    code = cache.load(str(path)).code
    write(path, "x = 22")
    cache.refresh(str(path))
    assert cache.load(str(path)).code is not code
    path.write_text("if")
    cache.refresh(str(path))
    with pytest.raises(SyntaxError):
        cache.load(str(path))
    path.unlink()
    cache.refresh(str(path))
    with pytest.raises(FileNotFoundError):
        cache.load(str(path))


def test_forget_drops_the_code(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1")
    cache = CodeCache(clock_ns=lambda: 2**62)
    code = cache.load(str(path)).code
    cache.forget(str(path))
    cache.forget("/nothing")
    assert cache.load(str(path)).code is not code


def test_the_oldest_is_dropped_when_there_are_too_many(tmp_path: Path) -> None:
    cache = CodeCache(2, clock_ns=lambda: 2**62)
    paths = [tmp_path / name for name in ("a.py", "b.py", "c.py")]
    for path in paths:
        write(path, "x = 1")
    codes = [cache.load(str(path)).code for path in paths]
    assert cache.load(str(paths[2])).code is codes[2]
    assert cache.load(str(paths[0])).code is not codes[0]


def test_many_threads_compile_a_file_once(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1\n" * 20_000)
    cache = CodeCache(clock_ns=lambda: 2**62)
    codes: list[object] = []

    def work() -> None:
        codes.append(cache.load(str(path)).code)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(code) for code in codes}) == 1
