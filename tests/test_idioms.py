"""What legacy scripts do: one table, two ways to run it, live and as a child."""

from collections.abc import Iterator
from dataclasses import fields
from types import ModuleType

import pytest
from _pytest.mark import ParameterSet

from tests import idioms_a
from tests.idiom_stage import Outcome, Stage, set_stage
from tests.idioms import Row

# In the order of the catalogue.
CHAPTERS = (idioms_a,)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def make_parameter(row: Row) -> ParameterSet:
    missing = pytest.mark.xfail(strict=True, reason=row.missing)
    return pytest.param(row, marks=missing if row.missing else (), id=row.name)


ROWS = [row for chapter in CHAPTERS for row in chapter.ROWS]
COMPARED = [make_parameter(row) for row in ROWS if row.story is None]
TOLD = [make_parameter(row) for row in ROWS if row.story is not None]


def find_differences(ours: Outcome, childs: Outcome) -> list[str]:
    """Return lines for a reader, both sides of each."""
    return [
        f"{part.name}: ours {getattr(ours, part.name)!r},"
        f" a child's {getattr(childs, part.name)!r}"
        for part in fields(Outcome)
        if getattr(ours, part.name) != getattr(childs, part.name)
    ]


@pytest.mark.parametrize("row", COMPARED)
def test_a_script_gives_the_same_in_both_ways(stage: Stage, row: Row) -> None:
    ours, log = stage.perform_live(row)
    childs = stage.perform_child(row)
    differences = "\n".join(find_differences(ours, childs))
    assert ours.status == row.status, f"{log}\n{differences}"
    assert row.expect in ours.body, differences
    assert row.log in log, differences
    if row.better:
        assert differences, "the row says that ours is better, but it is the same"
    else:
        assert not differences, differences


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.__name__)
def test_every_entry_of_the_catalogue_has_a_row(chapter: ModuleType) -> None:
    entries = chapter.ENTRIES.split()
    assert entries == sorted(set(entries))
    assert {row.entry for row in chapter.ROWS} == set(entries)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.__name__)
def test_rows_can_be_told_apart(chapter: ModuleType) -> None:
    names = [row.name for row in chapter.ROWS]
    assert sorted(names) == sorted(set(names))
