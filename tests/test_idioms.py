"""What legacy scripts do: one table, two ways to run it, live and as a child."""

from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.mark import ParameterSet

from tests.idiom_plays import play_child, play_live
from tests.idiom_stage import Outcome, Stage, set_stage
from tests.idioms import Row

# In the order of the catalogue.
CHAPTERS = [
    import_module(f"tests.{file.stem}")
    for file in sorted(Path(__file__).parent.glob("idioms_?.py"))
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def make_parameter(row: Row) -> ParameterSet:
    # A story that does not go on takes until its deadline to fail.
    may_run = row.story is None
    missing = pytest.mark.xfail(strict=True, reason=row.missing, run=may_run)
    return pytest.param(row, marks=missing if row.missing else (), id=row.name)


ROWS = [row for chapter in CHAPTERS for row in chapter.ROWS]
PLAIN = [row for row in ROWS if row.story is None]
COMPARED = [make_parameter(row) for row in PLAIN if not row.alone]
ALONE = [make_parameter(row) for row in PLAIN if row.alone]
TOLD = [make_parameter(row) for row in ROWS if row.story is not None]


def find_differences(row: Row, ours: Outcome, childs: Outcome) -> str:
    """Return lines for a reader, both sides of each."""
    return "\n".join(
        f"{part.name}: ours {getattr(ours, part.name)!r},"
        f" a child's {getattr(childs, part.name)!r}"
        for part in fields(Outcome)
        if getattr(ours, part.name) != getattr(childs, part.name)
        and not (row.any_log and part.name == "errors")
    )


def find_errors(row: Row, childs: Outcome) -> str:
    """Return the error lines that ours is to have as well."""
    return "" if row.better or row.any_log else childs.errors


@pytest.mark.parametrize("row", COMPARED)
def test_a_script_gives_the_same_in_both_ways(stage: Stage, row: Row) -> None:
    childs = stage.perform_child(row)
    ours, log = stage.perform_live(row, find_errors(row, childs))
    differences = find_differences(row, ours, childs)
    assert ours.status == row.status, f"{log}\n{differences}"
    assert row.expect in ours.body, differences
    assert row.log in log, differences
    if row.better:
        assert differences, "the row says that ours is better, but it is the same"
    else:
        assert not differences, differences


@pytest.mark.parametrize("row", TOLD)
def test_a_script_goes_through_the_same_story_in_both_ways(
    stage: Stage, row: Row
) -> None:
    assert row.story is not None
    with play_live(stage, row) as live:
        row.story(live)
    if not row.alone:
        with play_child(stage, row) as child:
            row.story(child)


# Last of those with a server: some of these leave it a thread that never ends.
@pytest.mark.parametrize("row", ALONE)
def test_a_script_gives_what_a_child_could_not(stage: Stage, row: Row) -> None:
    ours, log = stage.perform_live(row)
    assert ours.status == row.status, log
    assert row.expect in ours.body
    assert row.log in log


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.__name__)
def test_every_entry_of_the_catalogue_has_a_row(chapter: ModuleType) -> None:
    entries = chapter.ENTRIES.split()
    assert entries == sorted(set(entries))
    assert {row.entry for row in chapter.ROWS} == set(entries)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.__name__)
def test_rows_can_be_told_apart(chapter: ModuleType) -> None:
    names = [row.name for row in chapter.ROWS]
    assert sorted(names) == sorted(set(names))
