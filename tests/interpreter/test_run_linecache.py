"""Each run reads lines of its own files, and keeps them for itself."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Iterator

import pytest

from tests.interpreter.meetings import paused
from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import run_file, save, stand_ins


@pytest.fixture
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def test_a_relative_name_is_that_of_the_runs_folder(
    tmp_path: Path, installed: None
) -> None:
    for name in ("a", "b"):
        save(tmp_path / name / "data.txt", f"of {name}")
        source = "import linecache; print(linecache.getline('data.txt', 1))"
        text = run_file(save(tmp_path / name / "script.py", source)).text
        assert text == f"of {name}\n\n"
    assert "data.txt" not in linecache.cache


def test_runs_do_not_clear_each_others(tmp_path: Path, installed: None) -> None:
    save(tmp_path / "data.txt", "line")
    source = """
        import linecache, meeting
        linecache.getline("data.txt", 1)
        meeting.pause()
        print(sorted(linecache.cache))
        """
    other = "import linecache; linecache.clearcache(); linecache.checkcache()"
    with paused(save(tmp_path / "first.py", source)) as first:
        run_file(save(tmp_path / "other.py", other))
        linecache.clearcache()
        assert first.result().text == "['data.txt']\n"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            "print(linecache.getlines('data.txt'), linecache.cache.keys())\n"
            "open('data.txt', 'w').write('other')\n"
            "print(linecache.getline('data.txt', 1))\n"
            "linecache.checkcache('data.txt')\n"
            "print(linecache.getline('data.txt', 1), len(linecache.cache))\n"
            "del linecache.cache['data.txt']\n"
            "print(linecache.cache, linecache.cache.copy())\n"
            "linecache.lazycache('x', {})\n"
            "linecache.clearcache()",
            id="cache",
        ),
        pytest.param(
            "before = linecache.getlines\n"
            "import doctest\n"
            "def f():\n"
            "    '''\n    >>> f()\n    1\n    >>> 1 / 0\n    '''\n    return 1\n"
            "print(doctest.testmod())\n"
            "print(linecache.getlines is before)",
            id="doctest",
        ),
        pytest.param(
            "import traceback\n"
            "try: exec(compile('1 / 0', 'data.txt', 'exec'))\n"
            "except ZeroDivisionError: print(traceback.format_exc(limit=-1))",
            id="traceback",
        ),
    ],
)
def test_it_is_as_in_a_process(tmp_path: Path, source: str) -> None:
    files = {"script.py": f"import linecache\n{source}", "data.txt": "one\ntwo\n"}
    assert_same(tmp_path, files)


def test_two_doctests_at_a_time_leave_nothing(tmp_path: Path, installed: None) -> None:
    source = """
        def f():
            '''
            >>> f()
            1
            '''
            import meeting
            meeting.pause()
            return 1
        import doctest
        print(doctest.testmod())
        """
    before = linecache.getlines
    with paused(save(tmp_path / "first.py", source)) as first:
        other = source.replace("meeting.pause()", "meeting.pause")
        text = "TestResults(failed=0, attempted=1)\n"
        assert run_file(save(tmp_path / "other.py", other)).text == text
        assert linecache.getlines is before
        assert first.result().text == text
    assert linecache.getlines is before


def test_the_server_keeps_its_own(tmp_path: Path, installed: None) -> None:
    save(tmp_path / "data.txt", "line")
    name = str(tmp_path / "data.txt")
    assert linecache.getline(name, 1) == "line\n"
    assert name in linecache.cache
    source = "import linecache; print(linecache.cache); linecache.clearcache()"
    assert run_file(save(tmp_path / "script.py", source)).text == "{}\n"
    assert name in linecache.cache
    before = linecache.getlines
    linecache.getlines = lambda *arguments: ["mine"]
    assert linecache.getline("any", 1) == "mine"
    linecache.getlines = before
