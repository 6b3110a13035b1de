"""Cycles are collected by the loop: no run meets the finalizers of another."""

import asyncio
import gc
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from httpout_cgi.interpreter import last_words
from httpout_cgi.processes import garbage
from tests.conftest import Serve

CONFIG = """\
listen: ["127.0.0.1:0"]
sites: [{docroot: htdocs, scripts: [{url: /, path: cgi-bin}]}]
"""
# A cycle whose end prints; and a script that makes enough objects for a collection.
SPEAKS = """\
class Node:
    def __init__(self):
        self.me = self
    def __del__(self):
        print("SECRET")
node = Node()
print("Content-Type: text/plain\\n")
"""
ALLOCATES = """\
print("Content-Type: text/plain\\n")
kept = [[] for _ in range(100_000)]
print("done")
"""


@pytest.fixture
def collector() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_what_a_finalizer_prints_reaches_no_other_response(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "speaks.py").write_text(SPEAKS)
    (tmp_path / "cgi-bin" / "allocates.py").write_text(ALLOCATES)
    server = serve(CONFIG)
    for _ in range(5):
        assert server.request("/speaks.py").status == 200
        assert server.request("/allocates.py").text == "done\n"


def test_the_loop_collects_what_python_does_not(collector: None) -> None:
    async def check() -> None:
        garbage.take_over(asyncio.get_running_loop())
        assert not gc.isenabled()
        collected = asyncio.Event()

        class Node:
            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                collected.set()

        Node()
        kept: list[object] = [[] for _ in range(10_000)]
        await asyncio.wait_for(collected.wait(), 20)
        assert kept

    asyncio.run(check())


def set_counts(monkeypatch: pytest.MonkeyPatch, counts: tuple[int, int, int]) -> None:
    monkeypatch.setattr(last_words, "_THRESHOLDS", (700, 10, 10))
    monkeypatch.setattr(gc, "get_count", lambda: counts)


@pytest.mark.parametrize(
    ("counts", "generations"),
    [
        pytest.param((10, 99, 99), [], id="nothing is due"),
        pytest.param((701, 0, 0), [0], id="youngest"),
        pytest.param((701, 11, 0), [1], id="middle"),
        pytest.param((701, 11, 11), [2], id="all"),
    ],
)
def test_generations_are_collected_as_python_does(
    counts: tuple[int, int, int],
    generations: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[int] = []

    def collect(generation: int) -> bool:
        done.append(generation)
        return True

    set_counts(monkeypatch, counts)
    monkeypatch.setattr(garbage, "collect_outside", collect)
    with closing(asyncio.new_event_loop()) as loop:
        assert garbage.Collector(loop).collect() is bool(generations)
    assert done == generations


def test_what_is_put_off_for_long_is_collected_by_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: queue.SimpleQueue[tuple[int, threading.Thread]] = queue.SimpleQueue()
    now = [0.0]
    set_counts(monkeypatch, (701, 11, 0))
    monkeypatch.setattr(garbage, "collect_outside", lambda generation: False)
    monkeypatch.setattr(
        garbage,
        "collect_in_turn",
        lambda generation: done.put((generation, threading.current_thread())),
    )
    monkeypatch.setattr(garbage, "_monotonic", lambda: now[0])
    with closing(asyncio.new_event_loop()) as loop:
        collector = garbage.Collector(loop)
        for seconds in (0.5, 1.5, 2.0):
            now[0] = seconds
            assert collector.collect()
    generation, thread = done.get(timeout=20)
    assert generation == 1
    assert thread is not threading.main_thread()
    thread.join(20)
    assert done.empty()
