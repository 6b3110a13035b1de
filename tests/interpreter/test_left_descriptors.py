"""Descriptors that a script opens and never closes end with its run, and no others."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Callable, Iterator

import pytest
from httpout_cgi.interpreter import left_descriptors

from tests.interpreter.meetings import paused
from tests.interpreter.script_runs import Result, run_file, save, stand_ins

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(sys.platform != "linux", reason="marks them as Linux can"),
]

HEAD = "import io, os, socket, sys, tempfile, threading\n"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Result]]:
    (tmp_path / "data.txt").write_text("data")
    with stand_ins():
        yield lambda source: run_file(save(tmp_path / "script.py", HEAD + source))


def open_numbers() -> list[str]:
    """Return what is open."""
    numbers = os.listdir("/proc/self/fd")
    return [n for n in numbers if os.path.lexists(f"/proc/self/fd/{n}")]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("os.open('data.txt', os.O_RDONLY)", id="open"),
        pytest.param("os.dup(os.open('.', os.O_RDONLY))", id="dup"),
        pytest.param("os.pipe()", id="pipe"),
        pytest.param("os.dup(1); os.dup(0)", id="standard"),
        pytest.param("tempfile.mkstemp(dir='.')", id="mkstemp"),
        pytest.param("os.open('data.txt', 0); os._exit(1)", id="_exit"),
        pytest.param("os.open('data.txt', 0); 1 / 0", id="error"),
        pytest.param(
            "from os import open, pipe; open('data.txt', 0); pipe()", id="from"
        ),
        pytest.param(
            "threading.Thread(target=lambda: os.open('data.txt', 0)).start()",
            id="thread",
        ),
        pytest.param(
            "r, w = os.pipe(); os.close(r); os.write(1, b'x'); os.close(w)", id="closed"
        ),
        pytest.param("with os.fdopen(os.open('data.txt', 0)): pass", id="fdopen"),
        pytest.param(
            "class Keeper: pass\nkeeper = Keeper(); keeper.me = keeper\n"
            "keeper.file = open(os.open('data.txt', 0))",
            id="file in a cycle",
        ),
    ],
)
def test_nothing_stays_open(run: Callable[[str], Result], source: str) -> None:
    gc.collect()
    before = open_numbers()
    run(source)
    gc.collect()
    assert open_numbers() == before


@pytest.mark.parametrize(
    "close",
    [
        pytest.param("os.close({0})", id="close"),
        pytest.param("io.FileIO({0}).close()", id="FileIO"),
        pytest.param("other.keep({0})", id="unseen"),
        pytest.param("other.file({0})", id="by a file that nobody has seen made"),
    ],
)
def test_what_another_has_got_since_stays_open(
    run: Callable[[str], Result], tmp_path: Path, close: str
) -> None:
    kept: list[int] = []
    files: list[io.FileIO] = []
    real_close, real_open, real_file = os.close, os.open, io.FileIO

    def keep(number: int) -> None:
        real_close(number)
        kept.append(real_open(tmp_path / "data.txt", os.O_RDONLY))
        assert kept == [number]

    other = types.ModuleType("other")
    other.keep = keep  # type: ignore[attr-defined]
    other.file = lambda number: files.append(  # type: ignore[attr-defined]
        real_file(number)
    )
    other.again = lambda: kept.append(  # type: ignore[attr-defined]
        real_open(tmp_path / "data.txt", os.O_RDONLY)
    )
    sys.modules["other"] = other
    text = close.format("number")
    again = "" if "other" in close else "other.again()"
    result = run(
        f"import other\nnumber = os.open('data.txt', 0)\n{text}\n{again}\nprint(number)"
    )
    del sys.modules["other"]
    number = int(result.text)
    assert os.pread(number, 4, 0) == b"data"
    assert [number] == kept + [file.fileno() for file in files]
    for each in kept:
        os.close(each)
    for file in files:
        file.close()


def test_two_runs_close_their_own(run: Callable[[str], Result], tmp_path: Path) -> None:
    source = """
        import meeting, os
        number = os.open("data.txt", 0)
        meeting.pause()
        print(os.read(number, 4))
        """
    before = open_numbers()
    with paused(save(tmp_path / "first.py", source)) as first:
        run("os.open('data.txt', 0); os.pipe()")
        assert len(open_numbers()) == len(before) + 1
        assert first.result().text == "b'data'\n"
    assert open_numbers() == before


def test_what_a_library_opens_is_its_own(
    run: Callable[[str], Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import os\nnumber = os.open('/dev/null', os.O_RDONLY)"
    save(tmp_path / "shared/local_opener.py", source)
    monkeypatch.syspath_prepend(str(tmp_path / "shared"))
    result = run("import local_opener; print(local_opener.number)")
    del sys.modules["local_opener"]
    os.close(int(result.text))


def test_what_may_become_anothers_is_left_alone(run: Callable[[str], Result]) -> None:
    source = """
one, other = socket.socketpair()
print(os.dup(one.fileno()), os.open('.', os.O_PATH))
number = os.open('data.txt', 0)
os.dup2(os.open('.', os.O_RDONLY), number)
print(number)
"""
    for number in run(source).text.split():
        os.close(int(number))


def test_outside_of_a_run_nothing_is_noted(run: Callable[[str], Result]) -> None:
    with open(os.devnull) as file:
        left_descriptors.note(file.fileno())
        left_descriptors.forget(file.fileno())
        assert not left_descriptors._latest


def test_to_look_for_files_keeps_nothing_alive(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        before = sys.getrefcount(file)
        assert file.fileno() in left_descriptors._numbers_of_files()
        assert sys.getrefcount(file) == before


def test_to_look_for_files_calls_no_python_code_while_it_has_all_objects() -> None:
    source = """
        import sys
        from httpout_cgi.interpreter import left_descriptors
        class Watched: pass
        watched = Watched()
        def look(event, arguments):
            if watched:
                print(event, sys.getrefcount(watched) - before)
        before = sys.getrefcount(watched)
        sys.addaudithook(look)
        left_descriptors._numbers_of_files()
        watched = None
        """
    command = [sys.executable, "-c", textwrap.dedent(source)]
    seen = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert set(seen.splitlines()) <= {b"gc.get_objects 0"}
