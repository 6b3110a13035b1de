"""Runs that are under way at the same time: one pauses while others do theirs."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Iterator, List

from tests.interpreter.script_runs import Result, run_file

_DEADLINE = 20.0


class Paused:
    """A run that waits in ``meeting.pause()``; ``result`` lets it go on to its end."""

    def __init__(self, path: Path) -> None:
        self._reached, self._go_on = threading.Event(), threading.Event()
        self._results: List[Result] = []
        self._thread = threading.Thread(target=self._run, args=(path,), daemon=True)
        sys.modules["meeting"] = meeting = ModuleType("meeting")
        meeting.pause = self._pause  # type: ignore[attr-defined]
        self._thread.start()
        assert self._reached.wait(_DEADLINE), self._results

    def _run(self, path: Path) -> None:
        try:
            self._results.append(run_file(path))
        finally:
            self._reached.set()

    def _pause(self) -> None:
        self._reached.set()
        self._go_on.wait(_DEADLINE)

    def result(self) -> Result:
        self._go_on.set()
        self._thread.join(_DEADLINE)
        return self._results[0]


@contextmanager
def paused(path: Path) -> Iterator[Paused]:
    """Start a script that calls ``meeting.pause()``; it is paused in the block."""
    run = Paused(path)
    try:
        yield run
    finally:
        run.result()
        del sys.modules["meeting"]
