"""Which programs can run a pool, and what is told of those that cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from httpout_cgi.errors import ConfigError
from httpout_cgi.processes import pythons
from httpout_cgi.processes.privileges import Account
from tests.accounts import NOBODY, public_folder
from tests.pool_process import find_python, save


@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_another_version_will_do(version: str) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    path = shutil.which(python)
    assert path
    assert pythons.find_flaw(path) == ""


def test_one_that_cannot_load_a_pool_is_found_out(tmp_path: Path) -> None:
    # As a version that does not exist yet might.
    save(tmp_path / "sitecustomize.py", "import sys; sys.modules['marshal'] = None")
    source = f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n'
    python = save(tmp_path / "python", source, 0o755)
    assert pythons.find_flaw(sys.executable, loads_us=True) == ""
    assert pythons.find_flaw(str(python)) == ""
    flaw = pythons.find_flaw(str(python), loads_us=True)
    assert flaw.startswith(f"{python} does not work: ModuleNotFoundError: import of m")


@pytest.mark.parametrize(
    ("source", "flaw"),
    [
        pytest.param("exit 3", "is no Python: it ended with status 3", id="no Python"),
        pytest.param("cat <&-", "is no Python: it ended with", id="another program"),
        pytest.param(
            "echo httpout-cgi cpython 3.7",
            "is Python 3.7; 3.8 or newer is needed",
            id="too old",
        ),
        pytest.param(
            "echo httpout-cgi pypy 3.10", "is pypy; CPython is needed", id="pypy"
        ),
        pytest.param(
            "echo httpout-cgi cpython 3.9; echo 'ImportError: \\033[1m no mmap' >&2;"
            "exit 1",
            "does not work: ImportError: ?[1m no mmap",
            id="without a module",
        ),
        pytest.param(
            "printf 'Fatal Python error: no codec\\nModuleNotFoundError: No module\\n"
            "\\n<no Python frame>\\n' >&2; exit 1",
            "does not work: ModuleNotFoundError: No module",
            id="without its library",
        ),
    ],
)
def test_a_program_that_cannot_run_a_pool(
    tmp_path: Path, source: str, flaw: str
) -> None:
    program = save(tmp_path / "python", f"#!/bin/sh\n{source}\n", 0o755)
    assert pythons.find_flaw(str(program)).startswith(f"{program} {flaw}")


def test_what_is_said_before_the_answer_does_no_harm(tmp_path: Path) -> None:
    source = "#!/bin/sh\necho hello from sitecustomize; echo httpout-cgi cpython 3.12"
    assert pythons.find_flaw(str(save(tmp_path / "python", source, 0o755))) == ""


def test_one_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pythons, "_PATIENCE_SECONDS", 0.01)
    program = save(tmp_path / "python", "#!/bin/sh\nexec sleep 60\n", 0o755)
    assert "does not answer" in pythons.find_flaw(str(program))


@pytest.mark.parametrize(
    ("path", "flaw"),
    [
        pytest.param("none", "does not exist", id="missing"),
        pytest.param("broken", "is a link to", id="broken environment"),
        pytest.param("file", "cannot be run: Permission denied", id="no run bit"),
        pytest.param("script", "cannot be run: No such file", id="no interpreter"),
        pytest.param("a\0b", "cannot be run: embedded null byte", id="NUL"),
    ],
)
def test_a_path_that_cannot_be_run(tmp_path: Path, path: str, flaw: str) -> None:
    (tmp_path / "broken").symlink_to(tmp_path / "removed" / "python3.9")
    save(tmp_path / "file", "")
    save(tmp_path / "script", "#!/no/such/interpreter\n", 0o755)
    assert f"{tmp_path / path} {flaw}" in pythons.find_flaw(str(tmp_path / path))


def test_an_environment_whose_python_was_removed(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.symlink_to(sys.executable)
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(base)
    base.unlink()
    flaw = pythons.find_flaw(str(environment / "bin" / "python"))
    assert "does not exist: make its virtual environment again" in flaw


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")
def test_it_is_tried_out_by_the_account() -> None:
    account = Account("nobody", NOBODY, NOBODY, ())
    with public_folder() as folder:
        program = save(folder / "python", "#!/bin/sh\nid -u >&2; exit 1", 0o755)
        assert "is no Python" in pythons.find_flaw(str(program), account)
        program.chmod(0o700)
        flaw = pythons.find_flaw(str(program), account)
    assert flaw == f"{program} cannot be run by nobody: Permission denied"


def test_settings_are_refused_in_a_line() -> None:
    for harmless in (None, "$home/bin/python", sys.executable):
        pythons.check(harmless, None)
    with pytest.raises(ConfigError) as caught:
        pythons.check("/bin/false", None)
    (problem,) = caught.value.problems
    assert problem == "pools.python: /bin/false is no Python: it ended with status 1"


def test_the_command_tells_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "htdocs").mkdir()
    text = "sites: [{}]\npools: {python: python}\n"
    config = save(tmp_path / "config.yaml", text)
    program = save(tmp_path / "python", "#!/bin/sh\n", 0o755)
    for command in (["check"], []):
        done = subprocess.run(
            [sys.executable, "-m", "httpout_cgi", *command, "--config", str(config)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 78
        expected = f"pools.python: {program} is no Python: it ended with status 0\n"
        assert done.stderr == expected
