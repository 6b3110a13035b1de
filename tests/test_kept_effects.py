"""What scripts change ends with their runs, also in a child that is kept for others."""

import difflib
from collections.abc import Iterator

import pytest

from tests.idiom_stage import Outcome, Stage, set_stage
from tests.idioms import Row
from tests.test_idiom_effects import PRISTINE, SCRIPTS

POOLS = "pools: {runs_per_process: 1000, processes: 1}\n"

# It leaves an alarm, whose thread may be there for a moment.
MAY_BE_REPLACED = ("F13_never_fires.py",)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("kept")
    with set_stage(folder, POOLS, runner="process") as stage:
        stage.add("pid.py", "import os; print(f'X-A: b\\n\\n{os.getpid()}')")
        yield stage


@pytest.fixture(scope="module")
def pristine(stage: Stage) -> Outcome:
    outcome = stage.perform_child(PRISTINE)
    assert outcome.status == 200
    return outcome


def find_pid(stage: Stage) -> bytes:
    return stage.perform_live(Row("pid.py"))[0].body


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_is_left_behind(stage: Stage, pristine: Outcome, script: str) -> None:
    before = find_pid(stage)
    outcome, log = stage.perform_live(Row(script, "?after"))
    assert outcome.status == 200, log
    found = stage.perform_live(PRISTINE, pristine.errors)[0]
    assert not compare(pristine, found)
    if script not in MAY_BE_REPLACED:
        assert find_pid(stage) == before


def compare(expected: Outcome, found: Outcome) -> list[str]:
    lines = difflib.ndiff(repr(expected).split("\\n"), repr(found).split("\\n"))
    return [line for line in lines if line[0] in "-+"]
