"""weakref.finalize: at the end of the run that made it, and of no other."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path
from types import ModuleType
from typing import List

import pytest

from tests.interpreter.meetings import paused
from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import run_file, save, stand_ins

_SAME = {
    "order": """
        import atexit, weakref
        class Thing: pass
        a, b, c = Thing(), Thing(), Thing()
        atexit.register(print, "registered before")
        weakref.finalize(a, print, "a", sep="-")
        late = weakref.finalize(b, print, "b")
        atexit.register(print, "registered behind", late.alive)
        weakref.finalize(c, print, "not at exit").atexit = False
        del Thing
        """,
    "called, dropped and detached": """
        import weakref
        class Thing: pass
        a, b, c = Thing(), Thing(), Thing()
        print(weakref.finalize(a, len, "abc")())
        weakref.finalize(b, print, "dropped")
        del b
        finalizer = weakref.finalize(c, print, "c")
        print(finalizer.peek() == (c, print, ("c",), {}), finalizer.alive)
        print(finalizer.detach() == (c, print, ("c",), {}), finalizer.alive)
        print("end")
        """,
    "made by one": """
        import weakref
        class Thing: pass
        things = [Thing(), Thing()]
        def make():
            weakref.finalize(things[1], print, "made at exit")
        weakref.finalize(things[0], make)
        """,
    "failing": """
        import sys, weakref
        class Thing: pass
        things = [Thing(), Thing()]
        def hook(kind, value, trace):
            while trace:
                print(trace.tb_frame.f_code.co_name)
                trace = trace.tb_next
        sys.excepthook = hook
        weakref.finalize(things[0], print, "goes on")
        weakref.finalize(things[1], int, "not a number")
        """,
    "collected": """
        import gc, weakref
        class Thing: pass
        thing = Thing()
        thing.itself = thing
        weakref.finalize(thing, print, "collected")
        del thing
        gc.collect()
        print("end")
        """,
    "temporary directory": """
        import os, tempfile, weakref
        folder = tempfile.TemporaryDirectory()
        weakref.finalize(folder, lambda: print(os.path.isdir(path)))
        path = folder.name
        import atexit
        atexit.register(print, "end")
        """,
}


@pytest.mark.parametrize("source", _SAME.values(), ids=_SAME)
def test_finalizers_are_called_as_in_a_process(tmp_path: Path, source: str) -> None:
    assert_same(tmp_path, source)


def test_the_end_of_a_run_calls_no_finalizer_of_another(tmp_path: Path) -> None:
    source = """
        import weakref
        class Thing: pass
        thing = Thing()
        weakref.finalize(thing, print, "of", __file__[-8:])
        if "first" in __file__:
            import meeting
            meeting.pause()
        """
    first = save(tmp_path / "first.py", source)
    second = save(tmp_path / "other.py", source)
    with stand_ins(), paused(first) as run:
        assert run_file(second).text == "of other.py\n"
        assert run_file(second).text == "of other.py\n"
        assert run.result().text == "of first.py\n"


def test_a_finalizer_speaks_in_its_run_wherever_its_object_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = ModuleType("shelf")
    shelf.things = []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shelf", shelf)
    first = save(
        tmp_path / "first.py",
        """
        import meeting, shelf, weakref
        class Thing: pass
        shelf.things.append(Thing())
        weakref.finalize(shelf.things[0], print, "of the first")
        meeting.pause()
        """,
    )
    second = save(tmp_path / "second.py", "import shelf\nshelf.things.clear()\n")
    with stand_ins(), paused(first) as run:
        assert run_file(second).text == ""
        assert run.result().text == "of the first\n"


class _Thing:
    """Something of the server's."""


def test_the_end_of_a_run_leaves_finalizers_of_the_server_alone(
    tmp_path: Path,
) -> None:
    called: List[int] = []
    with stand_ins():
        thing, later = _Thing(), _Thing()
        weakref.finalize(thing, called.append, 1)
        source = """
            import weakref
            class Thing: pass
            thing = Thing()
            weakref.finalize(thing, print, "mine")
            """
        assert run_file(save(tmp_path / "a.py", source)).text == "mine\n"
        assert called == []
        weakref.finalize(later, called.append, 2)
        del thing, later
    assert called == [1, 2]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("finalizer.atexit = False", id="not at exit"),
        pytest.param("os._exit(0)", id="os._exit()"),
        pytest.param("shelf.things.clear(); os._exit(0)", id="dropped at its end"),
    ],
)
def test_what_outlives_its_run_calls_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    shelf = ModuleType("shelf")
    shelf.things = []  # type: ignore[attr-defined]
    shelf.called = []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shelf", shelf)
    source = f"""
        import os, shelf, weakref
        class Thing: pass
        thing = Thing()
        shelf.things.append(thing)
        finalizer = weakref.finalize(thing, shelf.called.append, 1)
        {end}
        """
    known = len(weakref.finalize._registry)  # type: ignore[attr-defined]
    with stand_ins():
        run_file(save(tmp_path / "a.py", source))
    assert len(weakref.finalize._registry) == known  # type: ignore[attr-defined]
    shelf.things.clear()
    gc.collect()
    assert shelf.called == []
