"""How deep runs recurse, without an end of the process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpout_cgi.interpreter import recursion

from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    before = sys.getrecursionlimit(), threading.stack_size()
    with stand_ins():
        yield
        assert sys.getrecursionlimit() == before[0]
    assert (sys.getrecursionlimit(), threading.stack_size()) == before


def run(tmp_path: Path, source: str) -> Result:
    """Run it in a thread, with the stack that a runner's thread has."""
    path = save(tmp_path / "script.py", source)
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(run_file(path)))
    thread.start()
    thread.join()
    return results[0]


def test_a_limit_is_the_runs_own(tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    result = run(
        tmp_path,
        """
        import sys
        def go_down(n):
            return n and go_down(n - 1)
        print(sys.getrecursionlimit())
        sys.setrecursionlimit(6000)
        print(sys.getrecursionlimit(), go_down(5000))
        sys.setrecursionlimit(10**6)
        print(sys.getrecursionlimit(), go_down(9000))
        """,
    )
    assert result.text == f"{before}\n6000 0\n1000000 0\n"
    assert run(tmp_path, "import sys\nprint(sys.getrecursionlimit())").text == (
        f"{before}\n"
    )


def test_the_highest_limit_of_the_runs_in_flight_holds(tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    inner = save(
        tmp_path / "inner.py",
        "import sys\nprint(sys.getrecursionlimit())\nsys.setrecursionlimit(50)\n"
        "print(sys.getrecursionlimit())",
    )
    texts: list[str] = []
    path = save(
        tmp_path / "script.py",
        "import sys\nsys.setrecursionlimit(7000)\nprint('set', flush=True)\n",
    )

    def meanwhile(*_: object) -> None:
        import contextvars

        contextvars.Context().run(lambda: texts.append(run_file(inner).text))
        texts.append(str(contextvars.Context().run(sys.getrecursionlimit)))

    run_file(path, watch=meanwhile)
    assert texts == [f"{before}\n50\n", "7000"]


@pytest.mark.parametrize(
    "source",
    [
        "def f(): f()\nf()",
        "sys.setrecursionlimit(10**6)\nclass A:\n"
        "    def __lt__(self, other): return sorted([self, other])\nA() < A()",
        "sys.setrecursionlimit(10**6)\nclass A:\n"
        "    def __getattr__(self, name): return getattr(self, name + 'x')\nA().y",
        "sys.setrecursionlimit(10**6)\nclass A:\n"
        "    def __repr__(self): return repr([self])\nrepr(A())",
    ],
    ids=["plain", "sort", "getattr", "repr"],
)
def test_runaway_recursion_is_an_error_of_the_script(
    tmp_path: Path, source: str
) -> None:
    if sys.version_info >= (3, 12) and "getattr" in source:
        pytest.skip("grows a name without end: a matter of memory")
    result = run(tmp_path, f"import sys\n{source}")
    assert "RecursionError" in (result.failure or "")


@pytest.mark.parametrize(
    ("limit", "error"), [("0", "ValueError"), ("'x'", "TypeError")]
)
def test_an_invalid_limit_is_an_error(tmp_path: Path, limit: str, error: str) -> None:
    result = run(tmp_path, f"import sys\nsys.setrecursionlimit({limit})")
    assert error in (result.failure or "")


def test_threads_have_large_stacks() -> None:
    assert threading.stack_size() == recursion.STACK_BYTES
