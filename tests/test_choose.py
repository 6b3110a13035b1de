"""Which runner gets a run."""

import asyncio
import io
import os
import threading
from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter.classify import Classifier
from httpout_cgi.interpreter.classify_case import PROCESS, THREAD, Verdict
from httpout_cgi.runners.choose import ChoosingRunner, ScriptJudge, explain
from httpout_cgi.scripts import Invocation, Mount, OutputMode, RunnerName, Script
from tests.fake_runs import FakeRun, FakeRunner

PATIENCE = 10


class StoppableFake(FakeRunner):
    """A runner that remembers how long it was given to stop."""

    def __init__(self, run: FakeRun | HTTPError) -> None:
        super().__init__(run)
        self.run = run
        self.seconds: float | None = None

    async def shutdown(self, seconds: float) -> None:
        self.seconds = seconds


class FakeJudge:
    """Knows a verdict at once, or gives it once it may."""

    def __init__(
        self, verdict: Verdict, *, is_known: bool = True, may_judge: bool = False
    ) -> None:
        self._verdict = verdict
        self._is_known = is_known
        self.may_judge = threading.Event()
        if may_judge:
            self.may_judge.set()

    def find(self, script: Script) -> Verdict | None:
        return self._verdict if self._is_known else None

    def judge(self, script: Script) -> Verdict:
        assert self.may_judge.wait(PATIENCE)
        return self._verdict


class Chosen:
    """A ChoosingRunner between two that only pretend."""

    def __init__(
        self, judge: FakeJudge, output: bytes = b"", error: HTTPError | None = None
    ) -> None:
        self.judge = judge
        pieces = [output] if output else []
        self.thread = StoppableFake(error or FakeRun(pieces))
        self.process = StoppableFake(FakeRun(pieces))
        self.runner = ChoosingRunner(self.thread, self.process, judge)


def make_script(
    path: Path,
    runner: RunnerName = "auto",
    interpreters: dict[str, str] | None = None,
    output: OutputMode = "cgi",
) -> Script:
    mount = Mount(
        "/cgi-bin/",
        str(path.parent),
        runner=runner,
        interpreters=interpreters,
        output=output,
    )
    return Script(str(path), os.stat(path), "/a", "", None, "/", mount, "site")


@pytest.fixture
def script(tmp_path: Path) -> Script:
    (tmp_path / "a.py").touch()
    return make_script(tmp_path / "a.py")


def invoke(script: Script, stdin: io.BytesIO | None = None) -> Invocation:
    return Invocation("id7", script, {}, stdin=stdin)


def has_started(runner: StoppableFake) -> bool:
    return bool(runner.invocations)


@pytest.mark.parametrize("judged", [THREAD, PROCESS])
@pytest.mark.parametrize("runner", ["auto", "thread", "process"])
def test_a_mount_decides_or_leaves_it_to_the_judge(
    tmp_path: Path, runner: RunnerName, judged: str
) -> None:
    (tmp_path / "a.py").touch()
    chosen = Chosen(FakeJudge(Verdict(judged)))
    run = chosen.runner.start(invoke(make_script(tmp_path / "a.py", runner)))
    wanted = judged if runner == "auto" else runner
    assert run is (chosen.process if wanted == "process" else chosen.thread).run


def test_a_program_for_the_suffix_is_for_a_process(tmp_path: Path) -> None:
    path = tmp_path / "a.php"
    path.touch()
    chosen = Chosen(FakeJudge(Verdict(THREAD)))
    script = make_script(path, "thread", {".php": "/bin/php"})
    assert chosen.runner.start(invoke(script)) is chosen.process.run


def test_both_are_stopped_at_the_same_time() -> None:
    chosen = Chosen(FakeJudge(Verdict(THREAD)))
    asyncio.run(chosen.runner.shutdown(7))
    assert (chosen.thread.seconds, chosen.process.seconds) == (7, 7)


@pytest.mark.parametrize("judged", [THREAD, PROCESS])
def test_the_loop_goes_on_while_a_script_is_looked_at(
    script: Script, judged: str
) -> None:
    async def use() -> None:
        chosen = Chosen(FakeJudge(Verdict(judged), is_known=False), b"output")
        run = chosen.runner.start(invoke(script))
        assert (run.ended, run.failure) == (False, None)
        reading = asyncio.ensure_future(run.read())
        await asyncio.sleep(0)
        assert not has_started(chosen.thread)
        assert not has_started(chosen.process)
        chosen.judge.may_judge.set()
        assert await reading == b"output"
        assert await run.read() == b""
        assert has_started(chosen.process) is (judged == PROCESS)
        assert has_started(chosen.thread) is (judged == THREAD)
        assert run.ended
        assert run.failure is None
        run.close()
        await chosen.runner.shutdown(1)

    asyncio.run(use())


def test_a_run_that_is_closed_before_it_is_known_never_starts(script: Script) -> None:
    async def use() -> None:
        chosen = Chosen(FakeJudge(Verdict(THREAD), is_known=False))
        stdin = io.BytesIO(b"body")
        run = chosen.runner.start(invoke(script, stdin))
        reading = asyncio.ensure_future(run.read())
        await asyncio.sleep(0)
        run.close()
        run.close()
        assert stdin.closed
        assert run.ended
        chosen.judge.may_judge.set()
        assert await reading == b""
        assert not has_started(chosen.thread)

    asyncio.run(use())


def test_a_full_queue_shows_when_the_script_is_known(script: Script) -> None:
    full = HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, "the queue is full")

    async def use() -> None:
        chosen = Chosen(FakeJudge(Verdict(THREAD), is_known=False), error=full)
        chosen.judge.may_judge.set()
        run = chosen.runner.start(invoke(script))
        with pytest.raises(HTTPError) as raised:
            await run.read()
        assert raised.value is full
        run.close()

    asyncio.run(use())


@pytest.mark.parametrize("interpreter", [None, "/opt/bin/python2"])
def test_a_process_is_told_that_another_python_has_to_run_it(
    script: Script, interpreter: str | None
) -> None:
    chosen = Chosen(FakeJudge(Verdict(PROCESS, (), interpreter)))
    chosen.runner.start(invoke(script))
    assert chosen.process.invocations[0].python == (interpreter or "")


@pytest.mark.parametrize(
    ("verdict", "is_thread"),
    [
        pytest.param(Verdict(THREAD), True, id="thread"),
        pytest.param(Verdict(PROCESS), False, id="process"),
        pytest.param(Verdict(PROCESS, (), "/opt/bin/python2"), True, id="other Python"),
    ],
)
def test_a_page_gets_a_process_of_our_python_or_a_thread(
    script: Script, verdict: Verdict, is_thread: bool
) -> None:
    page = make_script(Path(script.path), output="page")
    chosen = Chosen(FakeJudge(verdict))
    run = chosen.runner.start(invoke(page))
    assert run is (chosen.thread if is_thread else chosen.process).run
    assert explain(page, FakeJudge(verdict, may_judge=True))[0] == (
        "thread" if is_thread else "process"
    )


def make_judge() -> ScriptJudge:
    """Return one to whom every file is old enough to be believed."""
    return ScriptJudge(Classifier(lambda: 2**62))


def judge_twice(judge: ScriptJudge, script: Script) -> Verdict:
    """Return what is found, and see that it is known from then on."""
    assert judge.find(script) is None
    verdict = judge.judge(script)
    assert judge.find(script) is verdict
    return verdict


@pytest.mark.parametrize(
    ("name", "line", "runner"),
    [
        pytest.param("a.py", b"print()", "thread", id=".py"),
        pytest.param("a.py", b"import os; os.fork()", "process", id="fork"),
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
def test_a_script_is_judged_by_what_it_is(
    tmp_path: Path, name: str, line: bytes, runner: RunnerName
) -> None:
    path = tmp_path / name
    path.write_bytes(line)
    assert judge_twice(make_judge(), make_script(path)).runner == runner


def test_an_edited_script_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.cgi"
    path.write_bytes(b"#!/bin/sh\n")
    judge = make_judge()
    assert judge_twice(judge, make_script(path)).runner == PROCESS
    path.write_bytes(b"#!/usr/bin/env python3\n")
    assert judge_twice(judge, make_script(path)).runner == THREAD


def test_a_flaw_in_the_judge_makes_no_script_unusable(
    script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> Verdict:
        raise IndexError("a flaw")

    monkeypatch.setattr(Classifier, "judge", fail)
    assert make_judge().judge(script).runner == PROCESS
    assert "a flaw" in caplog.text


@pytest.mark.parametrize(
    ("runner", "interpreters", "name", "why"),
    [
        pytest.param("auto", None, "process", ["a.py:1: os.fork"], id="auto"),
        pytest.param("thread", None, "thread", ["runner: t", "a.py:1: os"], id="set"),
        pytest.param("auto", {".py": "/x"}, "process", ["its suffix"], id="suffix"),
    ],
)
def test_the_choice_is_explained(
    tmp_path: Path,
    runner: RunnerName,
    interpreters: dict[str, str] | None,
    name: str,
    why: list[str],
) -> None:
    (tmp_path / "a.py").write_text("import os; os.fork()")
    script = make_script(tmp_path / "a.py", runner, interpreters)
    chosen, reasons = explain(script, make_judge())
    assert chosen == name
    assert len(reasons) == len(why)
    assert all(one.startswith(part) for one, part in zip(reasons, why, strict=True))
