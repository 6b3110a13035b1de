"""What would take the server along is an error in a run, and works outside of one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Iterator

import pytest

from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("os.fork()", "os.fork"),
        ("os.forkpty()", "os.forkpty"),
        ("os.execv('/bin/true', ['true'])", "os.execv"),
        ("os.execle('true', 'true', {})", "os.execle"),
        ("import posix; posix.fork()", "os.fork"),
        ("os.kill(os.getppid(), 1)", "os.kill"),
        ("os.kill(0, 15)", "os.kill"),
        ("os.kill(-1, 9)", "os.kill"),
        (
            "import multiprocessing as m; m.get_context('fork').Process().start()",
            "multiprocessing.process.BaseProcess.start",
        ),
    ],
)
def test_a_call_that_needs_a_process_says_so(
    tmp_path: Path, statement: str, call: str
) -> None:
    result = run(tmp_path, f"import os\n{statement}\nprint('went on')")
    assert result.text == ""
    assert result.failure
    assert f"ProcessNeededError: {call}() needs a process" in result.failure
    assert "runner: process" in result.failure


def test_other_processes_can_be_signalled(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        import os, signal, subprocess
        with subprocess.Popen(["/bin/sleep", "60"]) as child:
            os.kill(os.getpid(), 0)
            os.kill(child.pid, signal.SIGTERM)
        print(child.returncode)
        """,
    )
    assert result.text == f"{-signal.SIGTERM}\n"


def test_outside_of_a_run_nothing_is_refused() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
    assert signal.alarm(0) == 0
