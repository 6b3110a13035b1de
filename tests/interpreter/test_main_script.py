"""A script in a process of its own, on real descriptors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.interpreter.script_runs import save

_ROOT = Path(__file__).parents[2]
_RUN = """
import os, sys
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.main_script import run_as_main
os._exit(run_as_main(sys.argv[1], (), CodeCache()))
"""


def run_child(path: Path, stdin: bytes) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(path)],
        input=stdin,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        check=True,
    )
    return done.stdout


def test_standard_input_is_what_a_pipe_is_for_cpython(tmp_path: Path) -> None:
    source = "import sys\nprint(ascii(sys.stdin.read()), sys.stdin.mode)\n"
    path = save(tmp_path / "a.py", source)
    assert run_child(path, b"a\r\nb\r") == b"'a\\r\\nb\\r' r\n"
