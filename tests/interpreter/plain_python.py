"""Run a script here and as a process of its own: the output must be the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Mapping, Optional, Union

from tests.interpreter.script_runs import run_file, save, stand_ins

# A script, or a folder of files; script.py runs.
Source = Union[str, Mapping[str, str]]

# Python would add LC_CTYPE in the C locale; and where is the system's library?
_ALWAYS = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)}


def assert_same(
    folder: Path, source: Source, environment: Optional[Dict[str, str]] = None
) -> None:
    """Run it once by ``sys.executable`` and twice here: nothing may be left behind.

    ``{folder}`` in the environment is where the script is.
    """
    variables = {**_ALWAYS, **(environment or {})}
    expected = _run_process(folder / "process", source, variables)
    with stand_ins():
        for name in ("first", "second"):
            found = _run_here(folder / name, source, variables)
            assert found == expected, f"{found}\n-- expected:\n{expected}"


def _write(folder: Path, source: Source) -> Path:
    files = {"script.py": source} if isinstance(source, str) else source
    for name, text in files.items():
        save(folder / name, text)
    return folder / "script.py"


def _fill(variables: Mapping[str, str], folder: Path) -> Dict[str, str]:
    return {name: text.format(folder=folder) for name, text in variables.items()}


def _run_process(folder: Path, source: Source, variables: Mapping[str, str]) -> str:
    script = _write(folder, source)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        cwd=folder,
        env=_fill(variables, folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().replace(str(folder), "<folder>")


def _run_here(folder: Path, source: Source, variables: Mapping[str, str]) -> str:
    script = _write(folder, source)
    result = run_file(script, environment=_fill(variables, folder))
    assert result.failure is None, result.failure
    return result.text.replace(str(folder), "<folder>")
