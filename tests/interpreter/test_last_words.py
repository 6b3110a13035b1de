"""What garbage says at the end of its run is said there, and nowhere else."""

from __future__ import annotations

import gc
import sys
import textwrap
import threading
import time
import types
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from httpout_cgi.interpreter import collecting_turns, last_words

from tests.interpreter.meetings import paused
from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def as_in_a_worker() -> Iterator[None]:
    """Collect when it is asked for only."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Result]]:
    with stand_ins():
        yield lambda source: run_file(save(tmp_path / "script.py", source))


NODE = """
    class Node:
        def __init__(self, name, other=None):
            self.name, self.other, self.me = name, other, self
        def __del__(self):
            tell(self.name)
    def tell(name):
        print(name, "is gone", LAST)
    LAST = "at last"
    """
CASES = {
    "cycle": "a = Node('a'); b = Node('b', a); a.other = b",
    "dropped cycle": "Node('a')",
    "collected before": "import gc; Node('a'); gc.collect(); print('end')",
    "in a function": """
        def f():
            class Inner:
                def __del__(self): print("inner")
            thing = Inner()
            thing.me = thing
        f()
        """,
    "by a local module": """
        import local_node
        local_node.Thing("global").me = Node("a")
        """,
    "kept by a library": """
        import json
        class Encoder(json.JSONEncoder):
            def __del__(self): print("encoder is gone")
        encoder = Encoder()
        encoder.me = encoder
        """,
    "registered": """
        import abc, collections.abc, weakref
        class Sized(Node, collections.abc.Sized):
            def __len__(self): return 1
        print(isinstance(Sized('a'), collections.abc.Iterable))
        known = weakref.WeakSet([Sized])
        """,
    "after an error": """
        try:
            node = Node('a')
            raise KeyError(node)
        except KeyError as exc:
            kept = exc
        """,
    "with atexit": "import atexit; atexit.register(print, 'exit'); Node('a')",
    "exit": "import sys; Node('a'); sys.exit(0)",
    "os._exit": "import os, sys; Node('a'); sys.stdout.flush(); os._exit(0)",
    "own method": """
        class Own(Node):
            def __init__(self): super().__init__('own')
        Own()
        """,
    "thread": """
        import threading
        thread = threading.Thread(target=Node, args=('a',))
        thread.start()
        """,
    "flushes": """
        import io, sys
        sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8")
        Node('a')
        """,
}


@pytest.mark.parametrize("source", CASES.values(), ids=CASES.keys())
def test_it_is_as_in_a_process(tmp_path: Path, source: str) -> None:
    files = {
        "script.py": textwrap.dedent(NODE) + textwrap.dedent(source),
        "local_node.py": """
            NAME = "thing"
            class Thing:
                def __init__(self, name): self.name, self.self = name, self
                def __del__(self): print(NAME, self.name)
            """,
    }
    assert_same(tmp_path, files)


def test_an_error_in_a_finalizer_is_logged_for_its_run(
    run: Callable[[str], Result], capfd: pytest.CaptureFixture[str]
) -> None:
    source = """
        class Node:
            def __del__(self): raise ValueError("in the finalizer")
        node = Node()
        node.me = node
        """
    result = run(source)
    log = "\n".join(result.log)
    assert "Exception ignored in: <function Node.__del__" in log
    assert "ValueError: in the finalizer" in log
    assert capfd.readouterr() == ("", "")


def test_a_failed_script_is_heard_as_well(run: Callable[[str], Result]) -> None:
    result = run(f"{NODE}\n    node = Node('a')\n    1 / 0")
    assert result.text == "a is gone at last\n"
    assert "ZeroDivisionError" in "\n".join(result.log)


def test_modules_that_something_else_has_are_emptied(
    run: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []
    keeper = types.ModuleType("keeper")
    keeper.keep = kept.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keeper", keeper)
    source = f"""{NODE}
    import __main__, keeper, sys
    keeper.keep(sys.modules["__main__"])
    keeper.keep(tell)
    class Quiet:
        def __del__(self): print("quiet")
    quiet = Quiet()
    """
    assert run(source).text == "quiet\n"
    assert "tell" not in kept[1].__globals__


class Own:
    """Garbage of the server."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        print("of the server")


WITH_GARBAGE = f"""{NODE}
    import gc, meeting
    Node('a')
    meeting.pause()
    print("before")
    gc.collect()
    """


def test_the_server_leaves_garbage_to_a_run_with_finalizers(
    tmp_path: Path, run: Callable[[str], Result]
) -> None:
    with paused(save(tmp_path / "first.py", WITH_GARBAGE)) as first:
        assert not last_words.collect_outside(2)
        assert first.result().text == "before\na is gone at last\n"


def test_what_the_server_collects_at_last_speaks_in_its_own_run(
    tmp_path: Path,
    run: Callable[[str], Result],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collecting_turns, "_AT_WORK", 0)
    with paused(save(tmp_path / "first.py", WITH_GARBAGE)) as first:
        Own()
        last_words.collect_in_turn(2)
        assert capsys.readouterr().out == "of the server\n"
        assert first.result().text == "a is gone at last\nbefore\n"


def test_a_run_that_collects_waits_for_others_with_garbage(
    tmp_path: Path, run: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting_turns, "_AT_WORK", 600)
    results: list[Result] = []
    with paused(save(tmp_path / "first.py", WITH_GARBAGE)) as first:
        source = f"{NODE}\n    import gc\n    Node('b')\n    gc.collect()"
        path = save(tmp_path / "second.py", source)
        second = threading.Thread(target=lambda: results.append(run_file(path)))
        second.start()
        deadline = time.monotonic() + 20
        while not any(one.is_waiting for one in last_words._turns.list_others(None)):
            assert time.monotonic() < deadline
        assert first.result().text == "before\na is gone at last\n"
        second.join(20)
    assert results[0].text == "b is gone at last\n"


IN_FINALIZER = """
    import meeting
    class Node:
        def __del__(self):
            meeting.pause()
            print("gone")
    node = Node()
    node.me = node
    """


def test_the_server_does_not_wait_for_a_run_that_collects(
    tmp_path: Path, run: Callable[[str], Result]
) -> None:
    with paused(save(tmp_path / "first.py", IN_FINALIZER)) as first:
        assert not last_words.collect_outside(2)
        assert first.result().text == "gone\n"


def test_a_run_does_not_wait_for_ever_for_another_that_collects(
    tmp_path: Path, run: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting_turns, "_PATIENCE", 0.01)
    monkeypatch.setattr(collecting_turns, "_AT_WORK", 0.01)
    with paused(save(tmp_path / "first.py", IN_FINALIZER)):
        assert run(f"{NODE}\n    print('main')\n    Node('a')").failure is None


def test_who_comes_later_does_not_wait_for_a_lock_that_is_lost(
    run: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = threading.Lock()
    lost.acquire()
    monkeypatch.setattr(last_words._turns, "_turn", lost)
    monkeypatch.setattr(collecting_turns, "_PATIENCE", 0.01)
    monkeypatch.setattr(collecting_turns, "_AT_WORK", 0.01)
    assert run(f"{NODE}\n    Node('a')").text.startswith("a is")
    monkeypatch.setattr(collecting_turns, "_PATIENCE", 600)
    monkeypatch.setattr(collecting_turns, "_AT_WORK", 600)
    assert run(f"{NODE}\n    Node('b')").text.startswith("b is")


def test_many_runs_speak_for_themselves(tmp_path: Path) -> None:
    path = save(tmp_path / "script.py", f"{NODE}\n    [Node(n) for n in 'abc']")
    texts: list[list[str]] = []

    def repeat() -> None:
        for _ in range(4):
            # CPython promises no order.
            texts.append(sorted(run_file(path).text.splitlines()))

    with stand_ins():
        threads = [threading.Thread(target=repeat) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        gc.collect()
    assert texts == [[f"{name} is gone at last" for name in "abc"]] * 16


def test_runs_without_finalizers_do_not_collect(run: Callable[[str], Result]) -> None:
    run("class A:\n def __del__(self): pass\nA()")
    before = [one["collections"] for one in gc.get_stats()]
    run("class A: pass\na = A(); a.me = a")
    assert [one["collections"] for one in gc.get_stats()] == before
    assert not last_words._turns.list_others(None)
