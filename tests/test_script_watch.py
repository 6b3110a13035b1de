"""Scripts are watched, as long as the settings want it, and where they say."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from httpout_cgi.config import Config, default
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes import script_watch
from httpout_cgi.processes.script_watch import ScriptWatch


class Cache(CodeCache):
    """Keeps what it is told to compile."""

    def __init__(self) -> None:
        super().__init__()
        self.refreshed: list[str] = []

    def refresh(self, path: str) -> None:
        self.refreshed.append(path)


class FakeWatcher:
    """Watches nothing; all that were made are in ``made``."""

    made: list["FakeWatcher"]

    def __init__(
        self, folders: Iterable[str], on_change: Callable[[str], bool], mode: str
    ) -> None:
        self.folders = list(folders)
        self.on_change = on_change
        self.mode = mode
        self.done: list[str] = []
        self.made.append(self)

    def start(self) -> None:
        self.done.append("start")

    def stop(self) -> None:
        self.done.append("stop")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeWatcher]:
    monkeypatch.setattr(FakeWatcher, "made", [], raising=False)
    monkeypatch.setattr(script_watch, "Watcher", FakeWatcher)
    return FakeWatcher.made


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    for name in ("htdocs", "cgi-bin"):
        (tmp_path / name).mkdir()
    return default(tmp_path)


def test_what_was_edited_is_compiled(
    settings: Config, made: list[FakeWatcher], tmp_path: Path
) -> None:
    cache = Cache()
    ScriptWatch(cache).start(settings)
    assert made[-1].folders == [str(tmp_path / "cgi-bin")]
    assert (made[-1].mode, made[-1].done) == ("auto", ["start"])
    assert made[-1].on_change("/a.py")
    assert not made[-1].on_change("/a.txt")  # not a word in the log
    assert cache.refreshed == ["/a.py", "/a.txt"]


def test_another_watcher_comes_only_for_something_else(
    settings: Config, made: list[FakeWatcher]
) -> None:
    async def play() -> None:
        watch = ScriptWatch(Cache())
        watch.start(settings)
        first = made[-1]
        await watch.configure(settings.model_copy(update={"threads": 3}))
        assert (made[-1], first.done) == (first, ["start"])
        off = settings.reload.model_copy(update={"watch": "off"})
        await watch.configure(settings.model_copy(update={"reload": off}))
        assert first.done == ["start", "stop"]
        assert (made[-1].mode, made[-1].done) == ("off", ["start"])
        await watch.stop()
        assert made[-1].done == ["start", "stop"]

    asyncio.run(play())
