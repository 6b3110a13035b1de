"""Contexts of decimal, and their templates, end with the run."""

from __future__ import annotations

import decimal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Iterator

import pytest

from tests.interpreter.meetings import paused
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("d.getcontext().prec = 50", id="G09 getcontext"),
        pytest.param("d.setcontext(d.Context(prec=4))", id="setcontext"),
        pytest.param("with d.localcontext() as c: c.prec = 3; show()", id="local"),
        pytest.param("d.getcontext().traps[d.Inexact] = False", id="traps"),
        pytest.param("d.DefaultContext.prec = 5", id="template, unused so far"),
        pytest.param("show(); d.DefaultContext.prec = 5", id="template, used before"),
        pytest.param("d.setcontext(d.ExtendedContext)", id="another template"),
        pytest.param(
            "d.BasicContext.prec = 3; d.setcontext(d.BasicContext)", id="basic"
        ),
        pytest.param("d.DefaultContext = d.Context(prec=5)", id="another object"),
    ],
)
def test_contexts_are_as_in_a_process_of_its_own(tmp_path: Path, source: str) -> None:
    head = "import decimal as d\ndef show(): print(d.Decimal(1) / 7)\n"
    script = save(tmp_path / "script.py", f"{head}{source}\nshow()")
    child = subprocess.check_output([sys.executable, str(script)], text=True)
    before = [repr(each) for each in state_of_process()]
    result = run_file(script)
    assert result.failure is None
    assert result.text == child
    assert [repr(each) for each in state_of_process()] == before


def state_of_process() -> list[decimal.Context]:
    context = decimal.getcontext()
    return [context, decimal.DefaultContext, decimal.BasicContext]


def test_runs_do_not_meet(tmp_path: Path) -> None:
    source = """
        import decimal, meeting
        decimal.DefaultContext.prec = 5
        decimal.getcontext().prec = 6
        meeting.pause()
        print(decimal.DefaultContext.prec, decimal.getcontext().prec)
        """
    with paused(save(tmp_path / "first.py", source)) as other:
        probe = "from decimal import *; print(DefaultContext.prec, getcontext().prec)"
        assert run(tmp_path, probe).text == "28 28\n"
        assert decimal.DefaultContext.prec == decimal.getcontext().prec == 28
        assert other.result().text in ("5 6\n", "6 6\n")


def test_outside_of_a_run_all_is_as_before() -> None:
    template = decimal.DefaultContext
    decimal.DefaultContext = decimal.BasicContext
    assert decimal.DefaultContext is decimal.BasicContext
    decimal.DefaultContext = template
    with stand_ins():
        pass
    assert type(decimal) is ModuleType
    assert decimal.DefaultContext is template
