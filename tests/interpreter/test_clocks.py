"""Processor time of runs: what was spent before them is not theirs."""

import time
from pathlib import Path

import pytest
from httpout_cgi.interpreter import clocks

from tests.interpreter.script_runs import run_file, save, stand_ins

THREAD = """\
import threading, time
times = []
thread = threading.Thread(target=lambda: times.append(time.process_time()))
thread.start()
thread.join()
print(times[0])
"""


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import time\nprint(time.process_time())\n", id="main thread"),
        pytest.param(THREAD, id="another thread"),
    ],
)
def test_the_first_run_that_asks_begins_at_nothing(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_is_in_use", False)
    monkeypatch.setattr(clocks, "_began", {})
    while time.thread_time() < 0.2:
        pass  # what the thread has done before
    with stand_ins():
        result = run_file(save(tmp_path / "script.py", source))
    assert result.failure is None
    assert float(result.text) < 0.2
