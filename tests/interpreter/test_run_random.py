"""Each run has the numbers of a process of its own, and gives none away."""

from __future__ import annotations

import random
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
        pytest.param(
            "import random; random.seed(42); print(random.random())", id="G08"
        ),
        pytest.param(
            "from random import *; seed('x'); print(randint(1, 9**9), gauss(0, 1))",
            id="from import",
        ),
        pytest.param(
            "import random as r; r._inst.seed(7); print(r.sample(range(9**9), 5))",
            id="_inst",
        ),
        pytest.param(
            "import random as r; r.seed(7); s = r.getstate(); r.random()\n"
            "r.setstate(s); print(r.getrandbits(99))",
            id="state",
        ),
        pytest.param(
            "import random as r; r.random = lambda: 1; print(r.random())", id="assigned"
        ),
    ],
)
def test_a_seed_gives_the_same_numbers_as_in_a_process(
    tmp_path: Path, source: str
) -> None:
    state = random.getstate()
    result = run(tmp_path, source)
    child = [sys.executable, str(tmp_path / "script.py")]
    assert result.text == subprocess.check_output(child, text=True)
    assert random.getstate() == state


def test_runs_do_not_meet(tmp_path: Path) -> None:
    source = "import meeting, random; random.seed(1); meeting.pause(); "
    first = save(tmp_path / "first.py", source + "print(random.random())")
    random.seed(2)
    with paused(first) as other:
        seeded = "import random; random.seed(3); print(random.random())"
        assert run(tmp_path, seeded).text == f"{random.Random(3).random()}\n"
        assert other.result().text == f"{random.Random(1).random()}\n"
    assert random.random() == random.Random(2).random()


def test_runs_differ_that_do_not_seed(tmp_path: Path) -> None:
    source = "import random; print(random.getrandbits(200))"
    random.seed(1)
    one = run(tmp_path, source).text
    random.seed(1)
    assert one != run(tmp_path, source).text


def test_a_shared_module_keeps_what_it_has_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(
        tmp_path / "site" / "dice_library.py",
        """
        import random
        from random import random as bound
        random.roll = lambda: 6
        def draw(): return random.random()
        """,
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    source = """
        import dice_library, random
        random.seed(5)
        print(dice_library.draw())
        print(dice_library.bound.__self__ is random._inst)
        """
    text = run(tmp_path / "cgi-bin", source).text
    assert text == f"{random.Random(5).random()}\nFalse\n"
    assert sys.modules.pop("dice_library").bound == random.random
    del random.roll  # type: ignore[attr-defined]


def test_outside_of_a_run_all_is_as_before() -> None:
    original = random.random
    random.random = lambda: 0.5
    assert random.random() == 0.5
    random.random = original
    with stand_ins():
        pass
    assert type(random) is ModuleType
    assert random.random is original
