"""The first stage of a pool: what it becomes, and what it says if it cannot."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

from httpout_cgi.processes import stage
from httpout_cgi.processes.pool_settings import OWN
from httpout_cgi.processes.stage import Stage


class _Become(Exception):
    """Is raised where the process would become another one."""


class Became(NamedTuple):
    program: str
    module: str
    path: list[str]
    settings: dict[str, object]
    rest: list[str]
    own: dict[str, object]


def become(monkeypatch: pytest.MonkeyPatch, told: Stage) -> Became:
    commands: list[list[str]] = []

    owns: list[str] = []

    def execve(program: str, words: Sequence[str], env: Mapping[str, str]) -> NoReturn:
        assert program == words[0]
        owns.append(env.get(OWN, "{}"))
        commands.append([*words])
        raise _Become

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(sys, "argv", ["-c", json.dumps(told), '{"nice": 1}', "5"])
    with pytest.raises(_Become):
        stage.main()
    ((program, _, _, boot, settings, *rest),) = commands
    path, _, supervisor, module = json.loads(boot)
    assert supervisor == os.getppid()
    own = json.loads(owns[0])
    return Became(program, module, path, json.loads(settings), rest, own)


def test_it_becomes_a_pool_of_the_python(monkeypatch: pytest.MonkeyPatch) -> None:
    became = become(monkeypatch, Stage(sys.executable))
    assert became == (sys.executable, "pool", [], {"nice": 1}, ["5"], {})


def test_a_python_that_scripts_name_is_tried_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    became = become(monkeypatch, Stage(sys.executable, is_wish=True))
    assert (became.program, became.path) == (sys.executable, [])
    # Python 2, say: what it cannot be is ours, which starts it for each run.
    became = become(monkeypatch, Stage(str(tmp_path / "missing"), is_wish=True))
    assert became == (sys.executable, "pool", sys.path, {"nice": 1}, ["5"], {})


def test_without_settings_it_is_our_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "none.yaml"
    became = become(monkeypatch, Stage("", "alice", "/home/alice", str(file)))
    assert (became.program, became.path) == (sys.executable, sys.path)
    assert became.settings == {"nice": 1}
    assert became.own == {"environment": {}, "source": [str(file), None]}


def test_an_account_says_what_its_pool_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "alice" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    file = tmp_path / "own.yaml"
    file.write_text("python: $home/$user/python\nenvironment: {A: b}")
    file.chmod(0o600)
    became = become(monkeypatch, Stage("/none", "alice", f"{tmp_path}/", str(file)))
    assert (became.program, became.path) == (str(python), [])
    # Not in the arguments, which everybody can read.
    assert became.settings == {"nice": 1}
    assert became.own["environment"] == {"A": "b"}
    assert became.own["source"] != [str(file), None]


def test_each_reason_is_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("one: 1\ntwo: 2")
    file.chmod(0o600)
    for told in (Stage("/bin/false"), Stage("", "alice", "/", str(file))):
        monkeypatch.setattr(sys, "argv", ["-c", json.dumps(told), "{}"])
        assert stage.main() == 78
    unknown = "unknown key; write python or environment"
    assert capfd.readouterr().err.splitlines() == [
        "pool: pools.python: /bin/false is no Python: it ended with status 1",
        f"pool: {file}:1: one: {unknown}",
        f"pool: {file}:2: two: {unknown}",
    ]
