"""Compiled code is that of the file as it is now."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Dict

import pytest
from httpout_cgi.interpreter.code_cache import CodeCache

from tests.interpreter.script_runs import run_file, stand_ins

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


SOURCES: Dict[str, bytes] = {
    "empty": b"",
    "no line end": b"print(1)",
    "comment alone": b"#!/usr/bin/python3",
    "crlf": b"#!/usr/bin/python3\r\nprint(1)\r\nif 1:\r\n\tprint('a\\\r\nb')\r\n",
    "cr": b"#!/usr/bin/python3\rprint(1)\rprint('''a\rb''')\r",
    "mixed line ends": b"print(1)\rprint(2)\r\nprint('''a\rb\r\nc''')\n",
    "form feeds": b"\x0cprint(1)\n\x0c\nif 1:\n\x0c\tprint(2)\n",
    "tabs": b"if 1:\n\tprint(1)\n\tif 2:\n\t\tprint(2)\n",
    "bom": b"\xef\xbb\xbfprint(ascii('\xc3\xa9'))\n",
    "bom and cookie": b"\xef\xbb\xbf# coding: utf-8\nprint(ascii('\xc3\xa9'))\n",
    "bom and other cookie": b"\xef\xbb\xbf# coding: latin-1\nprint(1)\n",
    "latin-1": b"# coding: latin-1\nprint(ascii('\xe9'))\n",
    "iso-latin-1-unix": b"# coding: iso-latin-1-unix\nprint(ascii('\xe9'))\n",
    "cp1252 of vim": b"# vim: set fileencoding=cp1252 :\nprint(ascii('\x80'))\n",
    "cookie of emacs": b"#!/bin/x\n# -*- coding: cp437 -*-\nprint(ascii('\x80'))\n",
    "euc-jp": "# -*- coding: euc-jp -*-\nprint(ascii('日本'))\n".encode("euc-jp"),
    "shift_jis": "# coding: shift_jis\nprint(ascii('日本表'))\n".encode("shift_jis"),
    "utf8 by another name": b"# coding: utf_8-sig\nprint(ascii('\xc3\xa9'))\n",
    "cookie in line 3": b"\n\n# coding: latin-1\nprint('\xe9')\n",
    "cookie behind code": b"x = 1\n# coding: latin-1\nprint('\xe9')\n",
    "cookie in cr lines": b"#!/bin/x\r# coding: latin-1\rprint(ascii('\xe9'))\r",
    "unknown encoding": b"# coding: foo\nprint(1)\n",
    "unknown encoding in line 2": b"#!/usr/bin/python3\n# coding: nope\nprint(1)\n",
    "no encoding of text": b"# coding: rot13\ncevag(1)\n",
    "utf-16 cookie": b"# coding: utf-16\nprint(1)\n",
    "utf-16": "print(1)\n".encode("utf-16"),
    "bad utf-8": b"print(1)\nprint('\xe9')\n",
    "bad utf-8 in a comment": b"#!/usr/bin/python3\n# caf\xe9\nprint(1)\n",
    "bad ascii": b"# coding: ascii\nprint('\xe9')\n",
    "bad euc-jp": b"# coding: euc-jp\nprint('\xff\xff')\n",
    "indentation": b"print(1)\n  print(2)\n",
    "dedent": b"if 1:\n    print(1)\n  print(2)\n",
    "syntax": b"print(1)\nx = = 2\n",
    "syntax in crlf": b"print(1)\r\nx = = 2\r\n",
    "unterminated": b"print('a\n",
    "python 2": b"print 'x'\n",
    "bad escape": b"x = 'C:\\Users'\n",
    "quotes of a word processor": "x = “a”\n".encode(),
    "return": b"return 1\n",
    "no future": b"from __future__ import braces\n",
}
if sys.version_info >= (3, 12):
    # Before, versions show less of the line, or read null bytes as line ends.
    SOURCES["mixed tabs"] = b"if 1:\n        print(1)\n\tprint(2)\n"
    SOURCES["null"] = b"print(1)\nx=1\0\n"
    SOURCES["null in a comment"] = b"# hi \0 there\nprint(1)\n"


@pytest.mark.parametrize("name", SOURCES)
def test_a_script_is_read_as_cpython_reads_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "script.py"
    path.write_bytes(SOURCES[name])
    child = subprocess.run(
        [sys.executable, str(path)], capture_output=True, env={}, check=False
    )
    with stand_ins():
        result = run_file(path)
    assert result.text == child.stdout.decode()
    assert result.log == child.stderr.decode().splitlines()
    assert result.exit_code == child.returncode


def test_a_module_is_read_as_cpython_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "helper.py"
    path.write_bytes(b"#!/usr/bin/python3 -O\n# caf\xe9\nx = 1\n")
    cache = CodeCache()
    assert cache.load_module(str(path)).options is None
    with pytest.raises(SyntaxError, match="Non-UTF-8"):
        cache.load(str(path))


def test_all_that_is_known_of_a_file_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "assert 0, 'x'")
    cache = CodeCache(clock_ns=lambda: 2**62)
    loads = [partial(cache.load, str(path), level=level) for level in (0, 1, 2)]
    loads += [partial(cache.load_module, str(path), level) for level in (0, 1, 2)]
    codes = [load().code for load in loads]
    assert [load().code for load in loads] == codes
    assert len({id(code) for code in codes}) == 6
    cache.forget(str(path))
    again = [load().code for load in loads]
    assert not {id(code) for code in codes} & {id(code) for code in again}
    write(path, "assert 0, 'other'")
    cache.refresh(str(path))
    assert not {id(load().code) for load in loads} & {id(code) for code in again}
