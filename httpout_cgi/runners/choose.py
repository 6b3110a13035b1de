"""Choose a runner for each run: what the mount says, or by the script itself.

Must not know how a runner works.
"""

import asyncio
import os
import re
from collections.abc import Callable
from typing import Protocol, TypeAlias

from httpout_cgi.runners.base import Run, Runner
from httpout_cgi.scripts import Invocation, RunnerName, Script

Judge: TypeAlias = Callable[[Script], RunnerName]
"""Says "thread" or "process" of a script that its mount leaves to us."""

# Python 2 would not understand the compiled code, nor this Python its source.
_names_python = re.compile(rb"#!.*\bpython(?:3[0-9.]*)?(?=\s|$)").match
_LONGEST_SHEBANG = 256


class StoppableRunner(Runner, Protocol):
    """A runner that somebody will have to stop."""

    async def shutdown(self, seconds: float) -> None:
        """Wait for what runs, at most so long, then end it."""


class ChoosingRunner:
    """Hands runs to one of two runners."""

    def __init__(
        self, thread: StoppableRunner, process: StoppableRunner, judge: Judge
    ) -> None:
        self._thread = thread
        self._process = process
        self._judge = judge

    def start(self, invocation: Invocation) -> Run:
        """Start a run; see runners/base.py."""
        script = invocation.script
        name = script.mount.runner
        if script.interpreter:
            # A program, whatever the mount says: it is none that a thread could run.
            name = "process"
        elif name == "auto":
            name = self._judge(script)
        runner = self._process if name == "process" else self._thread
        return runner.start(invocation)

    async def shutdown(self, seconds: float) -> None:
        """Stop both."""
        await asyncio.gather(
            self._thread.shutdown(seconds), self._process.shutdown(seconds)
        )


class KindJudge:
    """Sends what is Python to a thread, and everything else to a process.

    Only the loop thread touches it.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], RunnerName]] = {}

    def __call__(self, script: Script) -> RunnerName:
        if script.path.endswith(".py"):
            return "thread"
        seen = script.stat
        key = seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
        known = self._known.get(script.path)
        if known is not None and known[0] == key:
            return known[1]
        found: RunnerName = "thread" if _is_python(script.path) else "process"
        self._known[script.path] = key, found
        return found


def _is_python(path: str) -> bool:
    """Tell whether the first line names a Python that could be ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False  # a process may have the right to run it, and says what is wrong
    try:
        line = os.read(descriptor, _LONGEST_SHEBANG).partition(b"\n")[0]
    finally:
        os.close(descriptor)
    return _names_python(line) is not None
