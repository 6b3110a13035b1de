"""Which runner gets a run."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from httpout_cgi.runners.base import Run
from httpout_cgi.runners.choose import ChoosingRunner, KindJudge
from httpout_cgi.scripts import Invocation, Mount, RunnerName, Script
from tests.fake_runs import FakeRun, FakeRunner


class StoppableFake(FakeRunner):
    """A runner that remembers how long it was given to stop."""

    def __init__(self, run: FakeRun) -> None:
        super().__init__(run)
        self.seconds: float | None = None

    async def shutdown(self, seconds: float) -> None:
        self.seconds = seconds


def make_script(path: Path, runner: RunnerName = "auto") -> Script:
    mount = Mount("/cgi-bin/", str(path.parent), runner=runner)
    return Script(str(path), os.stat(path), "/a", "", None, "/", mount, "site")


def start(script: Script, judged: RunnerName) -> tuple[Run, FakeRun, FakeRun]:
    """Return what was started, and the runs of thread and process."""
    thread, process = FakeRun([]), FakeRun([])
    runners = StoppableFake(thread), StoppableFake(process)
    runner = ChoosingRunner(*runners, lambda _: judged)
    return runner.start(Invocation("id7", script, {})), thread, process


@pytest.mark.parametrize("judged", ["thread", "process"])
@pytest.mark.parametrize("runner", ["auto", "thread", "process"])
def test_a_mount_decides_or_leaves_it_to_the_judge(
    tmp_path: Path, runner: RunnerName, judged: RunnerName
) -> None:
    path = tmp_path / "a.py"
    path.touch()
    run, thread, process = start(make_script(path, runner), judged)
    wanted = judged if runner == "auto" else runner
    assert run is (process if wanted == "process" else thread)


def test_a_program_for_the_suffix_is_for_a_process(tmp_path: Path) -> None:
    path = tmp_path / "a.php"
    path.touch()
    script = make_script(path, "thread")
    mount = replace(script.mount, interpreters={".php": "/bin/php"})
    run, _, process = start(script._replace(mount=mount), "thread")
    assert run is process


def test_both_are_stopped_at_the_same_time() -> None:
    thread, process = StoppableFake(FakeRun([])), StoppableFake(FakeRun([]))
    runner = ChoosingRunner(thread, process, KindJudge())
    asyncio.run(runner.shutdown(7))
    assert (thread.seconds, process.seconds) == (7, 7)


@pytest.mark.parametrize(
    ("name", "line", "runner"),
    [
        pytest.param("a.py", b"print()", "thread", id=".py"),
        pytest.param("a.cgi", b"#!/usr/bin/python\n", "thread", id="python"),
        pytest.param("a", b"#! /opt/bin/python3.8 -u\n", "thread", id="python3.8"),
        pytest.param("a", b"#!/usr/bin/env -S python3 -u\r\n", "thread", id="env -S"),
        pytest.param("a", b"#!/usr/bin/env python3", "thread", id="env, no line end"),
        pytest.param("a", b"#!/usr/bin/python2.7\n", "process", id="python2.7"),
        pytest.param("a", b"#!/usr/bin/env python2\n", "process", id="python2"),
        pytest.param("a", b"#!/usr/bin/pythonic\n", "process", id="pythonic"),
        pytest.param("a.cgi", b"#!/bin/sh\n# python\n", "process", id="shell"),
        pytest.param("a.cgi", b"\x7fELF\x02", "process", id="compiled"),
        pytest.param("a.cgi", b"", "process", id="empty"),
    ],
)
def test_what_is_python_goes_to_a_thread(
    tmp_path: Path, name: str, line: bytes, runner: RunnerName
) -> None:
    path = tmp_path / name
    path.write_bytes(line)
    judge = KindJudge()
    assert [judge(make_script(path)) for _ in range(2)] == [runner, runner]


def test_an_edited_script_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.cgi"
    path.write_bytes(b"#!/bin/sh\n")
    judge = KindJudge()
    assert judge(make_script(path)) == "process"
    path.write_bytes(b"#!/usr/bin/env python3\n")
    assert judge(make_script(path)) == "thread"


def test_a_script_that_is_not_edited_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.cgi"
    path.write_bytes(b"#!/usr/bin/env python3\n")
    judge, script = KindJudge(), make_script(path)
    assert judge(script) == "thread"
    path.unlink()
    assert judge(script) == "thread"


def test_a_script_that_cannot_be_read_goes_to_a_process(tmp_path: Path) -> None:
    path = tmp_path / "a.cgi"
    path.touch()
    script = make_script(path)
    path.unlink()
    assert KindJudge()(script) == "process"
