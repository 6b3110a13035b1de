"""The settings of one account: what its file may say, and what is no such file."""

import os
from pathlib import Path

import pytest

from httpout_cgi import user_settings
from httpout_cgi.errors import ConfigError
from httpout_cgi.user_settings import UserSettings


def save(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    path.chmod(0o644)
    return path


def read(folder: Path, text: str) -> UserSettings:
    return user_settings.load(save(folder, text))[0]


def complain(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        user_settings.load(path)
    return [one.removeprefix(f"{path.parent}/") for one in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        pytest.param("", UserSettings(), id="empty"),
        pytest.param("# nothing yet", UserSettings(), id="a comment"),
        pytest.param("environment:", UserSettings(), id="an empty map"),
        pytest.param("python: /opt/python", UserSettings("/opt/python"), id="python"),
        pytest.param(
            "python: $home/venv/bin/python",
            UserSettings("$home/venv/bin/python"),
            id="a template",
        ),
        pytest.param(
            "environment: {A: text, B: 1, C: true, D: 022}",
            UserSettings("", {"A": "text", "B": "1", "C": "true", "D": "022"}),
            id="environment",
        ),
    ],
)
def test_two_keys_are_known(tmp_path: Path, text: str, settings: UserSettings) -> None:
    assert read(tmp_path, text) == settings


def test_a_path_begins_beside_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, "python: v/bin/python").python == f"{tmp_path}/v/bin/python"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param(
            "\npools: {}",
            ["own.yaml:2: pools: unknown key; write python or environment"],
            id="another key",
        ),
        pytest.param("[1]", ["own.yaml:1: must be a map of keys"], id="a list"),
        pytest.param(
            "environment: text",
            ["own.yaml:1: environment: must be a map of keys"],
            id="no map",
        ),
        pytest.param(
            "python: [x]\nenvironment: {A=B: x, C: [1]}",
            [
                "own.yaml:1: python: must be text; quote it",
                'own.yaml:2: environment["A=B"]: "A=B" is not a variable name; it must'
                ' not hold "="',
                'own.yaml:2: environment.C: must be text; write "" for an empty value',
            ],
            id="all at once",
        ),
        pytest.param(
            "python: $user",
            ['own.yaml:1: python: "$user" must begin with "$home" or "/"'],
            id="no template",
        ),
        pytest.param("a: 1\na: 2", None, id="a key given twice"),
        pytest.param("{", None, id="no YAML"),
        pytest.param("[" * 15000, None, id="deep"),
        pytest.param(
            "a: &a [1]\n"
            + "".join(
                f"{'ab'[i % 2] * (i + 2)}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]\n"
                if i
                else "aa: &x0 [*a, *a]\n"
                for i in range(9)
            ),
            None,
            id="laughs",
        ),
    ],
)
def test_what_is_wrong_has_its_line(
    tmp_path: Path, text: str, problems: list[str] | None
) -> None:
    found = complain(save(tmp_path, text))
    assert found == problems if problems else all("own.yaml" in one for one in found)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, "")
    path.write_bytes(b"python: \xff")
    (problem,) = complain(path)
    assert "can't decode" in problem


def test_the_file_need_not_be_there(tmp_path: Path) -> None:
    assert user_settings.load(tmp_path / "none") == (UserSettings(), None)


def test_every_edit_has_another_signature(tmp_path: Path) -> None:
    path = save(tmp_path, "python: /a")
    first = user_settings.load(path)[1]
    assert user_settings.load(path)[1] == first
    replacement = tmp_path / "new"
    replacement.write_text("python: /b")
    os.utime(replacement, ns=(1, path.stat().st_mtime_ns))
    replacement.replace(path)
    assert user_settings.load(path)[1] != first


# --- attacks: the file is whatever somebody has made of it


def make_large(path: Path) -> None:
    path.write_text("#" * 20_000)


def make_writable(path: Path) -> None:
    path.write_text("")
    path.chmod(0o664)


def make_world_writable(path: Path) -> None:
    path.write_text("")
    path.chmod(0o646)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(make_large, "larger than 16384 bytes", id="large"),
        pytest.param(os.mkfifo, "not a regular file", id="a FIFO"),
        pytest.param(lambda path: path.mkdir(), "is a directory", id="a folder"),
        pytest.param(
            lambda path: path.symlink_to("/dev/zero"), "not a regular file", id="device"
        ),
        pytest.param(
            lambda path: path.symlink_to(path), "symbolic links", id="a circle"
        ),
        pytest.param(make_writable, "others may write to it", id="group"),
        pytest.param(make_world_writable, "others may write to it", id="world"),
    ],
)
def test_what_is_no_file_of_settings_is_refused(
    tmp_path: Path, make: object, reason: str
) -> None:
    path = tmp_path / "own.yaml"
    assert callable(make)
    make(path)
    (problem,) = complain(path)
    assert problem.startswith("own.yaml: ")
    assert reason in problem.lower()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_others_have_written_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, "")
    os.chown(path, 65534, 65534)
    (problem,) = complain(path)
    assert "belongs to somebody else" in problem
