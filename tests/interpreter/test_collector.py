"""gc in a run: switches without effect, and garbage that speaks in its own run only."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import Iterator

import pytest

from tests.interpreter.meetings import paused
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


SWITCHES = """
    import gc
    print(gc.isenabled(), gc.get_threshold(), gc.get_debug())
    gc.disable()
    gc.set_threshold(5)
    gc.set_threshold(6, 7)
    gc.set_debug(gc.DEBUG_SAVEALL)
    print(gc.isenabled(), gc.get_threshold()[:2], gc.get_debug())
    gc.freeze()
    gc.unfreeze()
    gc.enable()
    print(gc.isenabled(), gc.get_freeze_count(), gc.garbage)
    """


def test_switches_are_as_in_a_process_and_have_no_effect(tmp_path: Path) -> None:
    before = gc.isenabled(), gc.get_threshold(), gc.get_debug()
    frozen = gc.get_freeze_count()
    result = run(tmp_path, SWITCHES)
    assert result.failure is None
    child = [sys.executable, str(tmp_path / "script.py")]
    assert result.text == subprocess.check_output(child, text=True)
    assert (gc.isenabled(), gc.get_threshold(), gc.get_debug()) == before
    # Of what conftest.py has frozen some may go: none comes, and not all of it goes.
    assert gc.get_freeze_count() <= frozen
    assert bool(gc.get_freeze_count()) == bool(frozen)


def test_switches_of_two_runs_do_not_meet(tmp_path: Path) -> None:
    source = "import gc, meeting; gc.disable(); meeting.pause(); print(gc.isenabled())"
    with paused(save(tmp_path / "first.py", source)) as other:
        assert run(tmp_path, "import gc; print(gc.isenabled())").text == "True\n"
        assert gc.isenabled()
        assert other.result().text == "False\n"


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Let nobody collect who was not asked, as in a worker."""
    gc.disable()
    yield
    gc.enable()


CYCLE = """
    class Loud:
        def __init__(self, name): self.name, self.me = name, self
        def __del__(self): print(self.name, "is gone")
    def generate():
        me = yield
        try: yield
        finally: print("closed")
    generator = generate()
    next(generator); generator.send(generator)
    Loud("object")
    del generator
    """


def test_own_garbage_speaks_in_its_run(tmp_path: Path) -> None:
    source = CYCLE + "import gc; print(gc.collect() > 0)"
    gc.disable()  # or it goes before
    lines = run(tmp_path, source).text.splitlines()
    gc.enable()
    assert sorted(lines) == ["True", "closed", "object is gone"]
    assert lines[-1] == "True"


def test_garbage_of_another_run_speaks_in_that_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], without_collector: None
) -> None:
    source = f"{CYCLE}\n    import meeting, weakref\n    meeting.pause()"
    with paused(save(tmp_path / "first.py", source)) as other:
        assert run(tmp_path, "import gc; gc.collect()").text == ""
        assert capsys.readouterr().out == ""
        lines = other.result().text.splitlines()
        assert sorted(lines) == ["closed", "object is gone"]


def test_what_a_shared_class_says_is_said_in_the_run_that_collects(
    tmp_path: Path,
) -> None:
    sys.modules["shared_library"] = module = ModuleType("shared_library")
    exec("class Noisy:\n def __del__(self): print('noise')", module.__dict__)
    source = """
        import gc, shared_library
        class Node: pass
        node = Node()
        node.me, node.noisy = node, shared_library.Noisy()
        del node
        gc.collect()
        """
    assert run(tmp_path, source).text == "noise\n"
    del sys.modules["shared_library"]


def test_callbacks_are_called_for_the_collections_of_their_run(tmp_path: Path) -> None:
    before = list(gc.callbacks)
    source = """
        import gc
        gc.callbacks.append(lambda phase, info: print(phase, info["generation"]))
        gc.collect(1)
        """
    assert run(tmp_path, source).text == "start 1\nstop 1\n"
    assert gc.callbacks == before
    assert run(tmp_path, "import gc; gc.collect(); print(gc.callbacks)").text == "[]\n"


def test_a_wrong_generation_is_refused(tmp_path: Path) -> None:
    assert "ValueError" in str(run(tmp_path, "import gc; gc.collect(7)").failure)


def test_outside_of_a_run_all_is_as_before() -> None:
    gc.disable()
    assert not gc.isenabled()
    gc.enable()
    assert gc.collect(0) >= 0
    assert gc.garbage == []
    with stand_ins():
        pass
    assert type(gc) is ModuleType
    assert isinstance(gc.collect, BuiltinFunctionType)
