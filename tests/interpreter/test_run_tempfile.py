"""Each run puts its temporary files where its own environment, or script, says."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from tests.interpreter.meetings import paused
from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import run_file, save, stand_ins

SHOW = """
    import os, tempfile
    def show():
        print(os.path.basename(tempfile.gettempdir()), tempfile.tempdir)
        print(os.fsdecode(tempfile.gettempdirb()), tempfile.mktemp(suffix="x")[:-9])
        with tempfile.NamedTemporaryFile() as file:
            print(os.path.dirname(file.name))
    """


@pytest.fixture
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def make_folders(path: Path) -> None:
    for name in ("process", "first", "second"):
        (path / name / "own").mkdir(parents=True)
        (path / name / "other").mkdir()


def test_each_run_has_the_folder_of_its_environment(
    tmp_path: Path, installed: None
) -> None:
    path = save(tmp_path / "script.py", f"{SHOW}\n    show()")
    before = tempfile.tempdir
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        text = run_file(path, environment={"TMPDIR": str(folder)}).text
        assert text == f"{name} {folder}\n{folder} {folder}/tmp\n{folder}\n"
    plain = run_file(path).text
    assert f"/{tmp_path.name}" not in plain
    assert tempfile.tempdir is before


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("print(tempfile.tempdir)\n    show()", id="environment"),
        pytest.param(
            "os.environ['TMPDIR'] = os.path.abspath('other')\n    show()", id="set"
        ),
        pytest.param(
            "tempfile.tempdir = os.path.abspath('other')\n    show()", id="G12"
        ),
        pytest.param(
            "show()\n    os.environ['TMPDIR'] = os.path.abspath('other')\n"
            "    show()\n    tempfile.tempdir = None\n    show()",
            id="again",
        ),
        pytest.param(
            "os.environ['TMPDIR'] = 'missing'\n    os.environ['TMP'] = 'other'\n"
            "    show()",
            id="missing",
        ),
        pytest.param(
            "setattr(tempfile, 'tempdir', os.path.abspath('other'))\n    show()",
            id="setattr",
        ),
    ],
)
def test_it_is_as_in_a_process(tmp_path: Path, source: str) -> None:
    make_folders(tmp_path)
    assert_same(tmp_path, f"{SHOW}\n    {source}", {"TMPDIR": "{folder}/own"})


def test_runs_at_the_same_time_do_not_meet(tmp_path: Path, installed: None) -> None:
    source = f"""
        import meeting, tempfile
        tempfile.tempdir = {str(tmp_path)!r}
        meeting.pause()
        print(tempfile.gettempdir())
        """
    other = save(tmp_path / "other.py", "import tempfile; print(tempfile.gettempdir())")
    with paused(save(tmp_path / "script.py", source)) as first:
        assert run_file(other).text != f"{tmp_path}\n"
        assert tempfile.gettempdir() != str(tmp_path)
        assert first.result().text == f"{tmp_path}\n"


def test_other_names_stay_shared(tmp_path: Path, installed: None) -> None:
    failure = run_file(
        save(tmp_path / "script.py", "import tempfile; tempfile.template = 'mine'")
    ).failure
    assert failure is not None
    assert "setting tempfile.template needs a process of its own" in failure


def test_the_server_may_set_its_own(
    tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert tempfile.gettempdir() == tempfile.tempdir == str(tmp_path)
    source = "import tempfile; print(tempfile.gettempdir())"
    assert run_file(save(tmp_path / "script.py", source)).text != f"{tmp_path}\n"
