"""Choose a runner for each run: what the mount says, or what the script itself needs.

Must not know how a runner works.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from httpout_cgi.interpreter.classify import Classifier
from httpout_cgi.interpreter.classify_case import PROCESS, THREAD, Reason, Verdict
from httpout_cgi.runners.base import Run, Runner
from httpout_cgi.scripts import Invocation, Script

_log = logging.getLogger(__name__)


class StoppableRunner(Runner, Protocol):
    """A runner that somebody will have to stop."""

    async def shutdown(self, seconds: float) -> None:
        """Wait for what runs, at most so long, then end it."""


class Judge(Protocol):
    """Decides on scripts that their mounts leave to us."""

    def find(self, script: Script) -> Verdict | None:
        """Return what is known of the script as it is now; does not take long."""

    def judge(self, script: Script) -> Verdict:
        """Look at the script, which may take a while; any thread may call it."""


class ScriptJudge:
    """Decides by what the script and its local modules do; see classify.py."""

    def __init__(self, classifier: Classifier | None = None) -> None:
        self._classifier = classifier or Classifier()

    def find(self, script: Script) -> Verdict | None:
        """Return what is known of the script as it is now."""
        return self._classifier.find(script.path, script.stat, script.mount.environment)

    def judge(self, script: Script) -> Verdict:
        """Look at the script; a flaw of ours makes no script unusable."""
        try:
            return self._classifier.judge(script.path, script.mount.environment)
        except Exception:
            _log.exception("cannot tell what %s needs: it gets a process", script.path)
            return Verdict(PROCESS, (Reason(script.path, 0, "", "cannot be told"),))


def explain(script: Script, judge: Judge) -> tuple[str, list[str]]:
    """Return the name of the runner that a script gets, and the reasons."""
    if script.interpreter:
        return PROCESS, [f"its suffix is for {script.interpreter}"]
    verdict = judge.judge(script)
    reasons = [str(reason) for reason in verdict.reasons]
    setting = script.mount.runner
    if setting == "auto":
        return _follow(verdict, script), reasons
    return setting, [f"runner: {setting}", *reasons]


def _follow(verdict: Verdict, script: Script) -> str:
    """Return the name of the runner that auto means.

    A page that misses what only another Python has would miss it in our process, too,
    and that one may have the real httpout.
    """
    if verdict.interpreter is not None and script.is_page:
        return THREAD
    return verdict.runner


class ChoosingRunner:
    """Hands runs to one of two runners.  Only the loop thread calls its methods."""

    def __init__(
        self, thread: StoppableRunner, process: StoppableRunner, judge: Judge
    ) -> None:
        self._thread = thread
        self._process = process
        self._judge = judge
        # One at a time: who asks for the same script has less to wait then.
        self._judges = ThreadPoolExecutor(1, "judge")

    def start(self, invocation: Invocation) -> Run:
        """Start a run; see runners/base.py."""
        if invocation.permit is not None:
            return self._thread.start(invocation)  # middleware is in the worker
        script = invocation.script
        name = script.mount.runner
        if script.interpreter or name == "process":
            # A program, whatever the mount says: it is none that a thread could run.
            return self._process.start(invocation)
        if name == "thread":
            return self._thread.start(invocation)
        verdict = self._judge.find(script)
        if verdict is not None:
            return self.start_by(invocation, verdict)
        # A long script takes longer to read than the loop may stand still.
        loop = asyncio.get_running_loop()
        coming = loop.run_in_executor(self._judges, self._judge.judge, script)
        return _PendingRun(invocation, coming, self)

    def start_by(self, invocation: Invocation, verdict: Verdict) -> Run:
        """Start a run where the verdict sends it."""
        if _follow(verdict, invocation.script) != PROCESS:
            return self._thread.start(invocation)
        if verdict.interpreter is not None:
            invocation = invocation._replace(python=verdict.interpreter)
        return self._process.start(invocation)

    async def shutdown(self, seconds: float) -> None:
        """Stop both."""
        self._judges.shutdown(wait=False)
        await asyncio.gather(
            self._thread.shutdown(seconds), self._process.shutdown(seconds)
        )


class _PendingRun:
    """A run whose script is still being looked at; it starts at the first read()."""

    def __init__(
        self,
        invocation: Invocation,
        coming: asyncio.Future[Verdict],
        runner: ChoosingRunner,
    ) -> None:
        self._invocation = invocation
        self._coming = coming
        self._runner = runner
        self._run: Run | None = None
        self._is_closed = False

    @property
    def ended(self) -> bool:
        """See runners/base.py."""
        return self._is_closed if self._run is None else self._run.ended

    @property
    def failure(self) -> str | None:
        """See runners/base.py."""
        return None if self._run is None else self._run.failure

    async def read(self) -> bytes:
        """See runners/base.py."""
        if self._run is None:
            # Not cancelled with us: others may wait for the same script.
            verdict = await asyncio.shield(self._coming)
            if self._is_closed:
                return b""
            self._run = self._runner.start_by(self._invocation, verdict)
        return await self._run.read()

    def close(self) -> None:
        """See runners/base.py."""
        if self._run is not None:
            self._run.close()
        elif not self._is_closed and self._invocation.stdin is not None:
            self._invocation.stdin.close()
        self._is_closed = True
