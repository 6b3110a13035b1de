"""What a run does to warnings stays in the run, whatever others do meanwhile."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Iterator

import pytest
from httpout_cgi.interpreter import context
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute
from httpout_cgi.interpreter.run_context import RunContext
from httpout_cgi.interpreter.run_warnings import add_option

from tests.interpreter.meetings import paused
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with warnings.catch_warnings(), stand_ins():
        yield


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


def messages(result: Result) -> list[str]:
    """Return what was printed about warnings, without places and source lines."""
    assert result.failure is None
    lines = [line for line in result.log if not line.startswith(" ")]
    return [line.partition(": ")[2] for line in lines]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("warn('x')", ["UserWarning: x"], id="D16"),
        pytest.param(
            "for i in range(3): warn('x')", ["UserWarning: x"], id="once for a place"
        ),
        pytest.param("w.filterwarnings('ignore'); warn('x')", [], id="G10"),
        pytest.param(
            "w.filterwarnings('ignore', 'a.*b', UserWarning); warn('acb'); warn('c')",
            ["UserWarning: c"],
            id="by message",
        ),
        pytest.param(
            "for i in range(2): w.simplefilter('default'); warn('x')",
            ["UserWarning: x"] * 2,
            id="changed filters see it again",
        ),
        pytest.param(
            "w.simplefilter('ignore'); w.resetwarnings(); warn('x')",
            ["UserWarning: x"],
            id="resetwarnings",
        ),
        pytest.param(
            "w.simplefilter('default'); w.simplefilter('ignore', append=True)\n"
            "w.simplefilter('ignore', append=True); warn('x')",
            ["UserWarning: x"],
            id="appended",
        ),
        pytest.param(
            "with w.catch_warnings():\n w.simplefilter('ignore'); warn('x')\nwarn('y')",
            ["UserWarning: y"],
            id="catch_warnings",
        ),
        pytest.param(
            "with w.catch_warnings(record=True) as found: warn('x')\n"
            "warn(found[0].message.args[0] * 2)",
            ["UserWarning: xx"],
            id="recorded",
        ),
        pytest.param(
            "w.filters[:] = []; w.filters.insert(0, I); warn('x')", [], id="list"
        ),
        pytest.param("w.filters = [I]; warn('x')", [], id="new list"),
        pytest.param(
            "w.showwarning = lambda *a: sys.stderr.write('a: %s\\n' % a[0]); warn('x')",
            ["x"],
            id="showwarning",
        ),
        pytest.param(
            "w.formatwarning = lambda *a: 'a: %s\\n' % a[0]; warn('x')",
            ["x"],
            id="formatwarning",
        ),
        pytest.param(
            "w.showwarning('x', UserWarning, 'file', 3)",
            ["UserWarning: x"],
            id="showwarning called",
        ),
        pytest.param(
            "sys.stderr = None; warn('x'); sys.stderr = sys.__stderr__",
            [],
            id="no stderr",
        ),
        pytest.param(
            "w.simplefilter('once')\n"
            "for f in 'ab': w.warn_explicit('x', UserWarning, f, 1)",
            ["UserWarning: x"],
            id="once",
        ),
        pytest.param(
            "w.filters = []; w.defaultaction = 'ignore'; warn('x')", [], id="default"
        ),
        pytest.param("eval('1 is 1')", ['SyntaxWarning: "is"'], id="from C"),
        pytest.param(
            "import array; w.simplefilter('ignore'); eval('1 is 1')",
            [],
            id="ignored in C",
        ),
        pytest.param(
            "for i in range(2):\n with w.catch_warnings(): warn('x')",
            ["UserWarning: x"] * 2,
            id="catch_warnings sees it again",
        ),
        pytest.param(
            "for i in range(2): warn('x'); __warningregistry__.clear()",
            ["UserWarning: x"] * 2,
            id="the registry of the script",
        ),
        pytest.param("warn(Warning('x'))", ["Warning: x"], id="an instance"),
    ],
)
def test_a_script_may_do_anything(
    tmp_path: Path, source: str, expected: list[str]
) -> None:
    head = "import sys, warnings as w; from warnings import warn\n"
    head += "I = ('ignore', None, Warning, None, 0)\n"
    before = list(warnings.filters), warnings.showwarning, warnings.formatwarning
    for _ in range(2):
        result = messages(run(tmp_path, head + source))
        assert [line[: len(text)] for line, text in zip(result, expected)] == expected
        assert len(result) == len(expected)
    after = list(warnings.filters), warnings.showwarning, warnings.formatwarning
    assert after == before


def test_a_run_starts_with_the_filters_of_an_interpreter(tmp_path: Path) -> None:
    warnings.simplefilter("error")  # the server's
    script = save(tmp_path / "script.py", "import warnings; print(*warnings.filters)")
    child = [sys.executable, str(script)]
    assert run_file(script).text == subprocess.check_output(child, text=True)


def test_a_run_is_not_touched_by_the_changes_of_another(tmp_path: Path) -> None:
    first = save(
        tmp_path / "first.py",
        """
        import meeting, warnings
        for i in range(2):
            warnings.warn("once")
            if i == 0:
                meeting.pause()
        """,
    )
    with paused(first) as other:
        result = run(
            tmp_path,
            """
            import warnings
            warnings.simplefilter("error")
            warnings.showwarning = print
            with warnings.catch_warnings():
                pass
            try:
                warnings.warn("raised")
            except UserWarning as exc:
                print(exc)
            """,
        )
        assert result.text == "raised\n"
        assert messages(other.result()) == ["UserWarning: once"]


@pytest.fixture
def library() -> Iterator[ModuleType]:
    sys.modules["shared_library"] = module = ModuleType("shared_library")
    code = "import warnings\ndef f(): warnings.warn('old', stacklevel=1)"
    exec(compile(code, "shared_library.py", "exec"), module.__dict__)
    yield module
    del sys.modules["shared_library"]


@pytest.mark.usefixtures("library")
def test_each_run_hears_the_warnings_of_a_shared_module(tmp_path: Path) -> None:
    source = "import shared_library as s\nfor i in range(2): s.f()"
    for _ in range(2):
        assert messages(run(tmp_path, source)) == ["UserWarning: old"]


@pytest.mark.parametrize(
    ("level", "place"),
    [(1, "script.py:3"), (2, "script.py:4"), (3, "sys"), (9, "sys")],
)
def test_stacklevel_ends_where_the_script_begins(
    tmp_path: Path, level: int, place: str
) -> None:
    source = f"""
        import warnings
        def f(): warnings.warn("x", stacklevel={level})
        f()
        """
    log = run(tmp_path, source).log
    place = "<sys>" if place == "sys" and sys.version_info >= (3, 13) else place
    assert place in log[0]


def test_stacklevel_steps_over_imports(tmp_path: Path) -> None:
    save(tmp_path / "helper.py", "import warnings\nwarnings.warn('x', stacklevel=2)")
    assert "script.py:1: UserWarning" in run(tmp_path, "import helper").log[0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("warnings.warn('x', int)", "category must be a Warning subclass, not 'type'"),
        ("warnings.warn('x', 3)", "category must be a Warning subclass, not 'int'"),
    ],
)
def test_what_is_no_category_is_refused(tmp_path: Path, call: str, text: str) -> None:
    failure = run(tmp_path, f"import warnings; {call}").failure
    assert failure is not None
    assert failure.splitlines()[-1] == f"TypeError: {text}"


def test_showwarning_must_be_callable(tmp_path: Path) -> None:
    source = "import warnings; warnings.showwarning = 3; warnings.warn('x')"
    assert "must be set to a function" in str(run(tmp_path, source).failure)


def save_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    save(tmp_path / "site" / "noisy_library.py", source)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "noisy_library", raising=False)


def test_filters_of_a_shared_module_are_for_all_runs_that_import_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import warnings\nwarnings.filterwarnings('ignore', 'noise')"
    save_library(tmp_path, monkeypatch, source)
    use = "import warnings as w; w.filters; import noisy_library; w.warn('noise')"
    for _ in range(2):
        assert messages(run(tmp_path / "cgi-bin", use)) == []
    sys.modules.pop("noisy_library")


def test_a_shared_module_may_catch_warnings_while_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            warnings.warn('hidden')
        warnings.warn('shown')
        """
    save_library(tmp_path, monkeypatch, source)
    before = list(warnings.filters)
    result = run(tmp_path / "cgi-bin", "import noisy_library")
    assert messages(result) == ["UserWarning: shown"]
    assert warnings.filters == before
    sys.modules.pop("noisy_library")


def start(tmp_path: Path, source: str, *options: str) -> list[str]:
    log: list[str] = []
    path = save(tmp_path / "script.py", source)
    run = RunContext(
        str(path),
        str(tmp_path),
        environment={},
        write=lambda data: None,
        write_error=lambda line: log.append(line.decode()),
    )
    for option in options:
        add_option(run, option)
    execute(run, CodeCache())
    return log


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["ignore"], None),
        (["error::UserWarning"], "UserWarning: x"),
        (["error", "ignore:x"], None),
        (["nonsense"], "Invalid -W option ignored: invalid action: 'nonsense'"),
    ],
)
def test_options_are_for_one_run(
    tmp_path: Path, options: list[str], line: str | None
) -> None:
    source = "import warnings; warnings.warn('x')"
    log = start(tmp_path, source, *options)
    assert (line in log) if line is not None else not log
    assert any(": UserWarning: x" in line for line in start(tmp_path, source))


def test_outside_of_a_run_all_is_as_before() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("a", stacklevel=1)
        warnings.warn("b", DeprecationWarning, stacklevel=2)
    assert [str(each.message) for each in caught] == ["a", "b"]
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="c"):
        warnings.warn("c", stacklevel=1)
    warnings.filterwarnings("ignore", "d")
    warnings.warn("d", stacklevel=1)
    warnings.simplefilter("default")
    shown: list[str] = []
    warnings.showwarning = lambda *values, **more: shown.append(str(values[0]))
    warnings.warn("e", stacklevel=1)
    assert shown == ["e"]
    warnings.resetwarnings()
    assert warnings.filters == []


def test_what_was_there_comes_back() -> None:
    context.uninstall()
    before = dict(vars(warnings))
    with stand_ins():
        assert vars(warnings) != before
    assert vars(warnings) == before
    assert type(warnings) is ModuleType
