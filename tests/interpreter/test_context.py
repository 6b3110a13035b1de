"""Stand-ins: os.environ and sys for each run, and the originals outside of runs."""

from __future__ import annotations

import io
import os
import pickle
import shelve
import sys
import textwrap
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest
from httpout_cgi.interpreter import context

from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import Result, run_file, save, stand_ins

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def run_source(source: str, **options: object) -> Result:
        path = save(tmp_path / "script.py", source)
        result = run_file(path, **options)  # type: ignore[arg-type]  # run_file checks
        assert result.failure is None, result.failure
        return result

    with stand_ins():
        yield run_source


def test_installing_twice_is_installing_once() -> None:
    original = (sys.__dict__["stdout"], type(sys), type(os.environ), os.putenv)
    context.install()
    context.install()
    context.uninstall()
    assert original == (sys.__dict__["stdout"], type(sys), type(os.environ), os.putenv)
    context.uninstall()


def test_what_is_prepared_before_a_fork_is_put_in_place_behind_it() -> None:
    originals = (pickle.loads, os.fork)
    pickler = pickle.Pickler
    context.prepare()
    assert (pickle.loads, os.fork) == originals
    with stand_ins():
        assert pickle.loads is not originals[0]
        # It has these two of them alone.
        assert shelve.Pickler is pickle.Pickler is not pickler  # type: ignore[attr-defined]
        assert os.fork.__wrapped__ is originals[1]  # type: ignore[attr-defined]
    assert (pickle.loads, os.fork) == originals


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param("os.environ['NAME']", "'value'", id="item"),
        pytest.param("os.getenv('NAME')", "'value'", id="getenv"),
        pytest.param("os.environ.get('OTHER', 'none')", "'none'", id="get"),
        pytest.param("os.environb[b'NAME']", "b'value'", id="environb"),
        pytest.param("os.getenvb(b'OTHER')", "None", id="getenvb"),
        pytest.param("posix.environ[b'NAME']", "b'value'", id="posix"),
        pytest.param("dict(posix.environ) == dict(os.environb)", "True", id="same"),
        pytest.param(
            "dict(os.environ)", r"{'NAME': 'value', 'B': '\udcff'}", id="dict"
        ),
        pytest.param("sorted(os.environb)", "[b'B', b'NAME']", id="bytes keys"),
        pytest.param("os.environb[b'B']", r"b'\xff'", id="surrogate"),
        pytest.param("'NAME' in os.environ", "True", id="in"),
        pytest.param("'HOME' in os.environ", "False", id="not in"),
        pytest.param("(len(os.environ), len(os.environb))", "(2, 2)", id="length"),
        pytest.param("os.path.expandvars('$NAME/x')", "'value/x'", id="expandvars"),
        pytest.param("os.environ.copy() == os.environ", "True", id="copy"),
    ],
)
def test_environment_is_exactly_that_of_the_run(
    run: Run, expression: str, value: str
) -> None:
    result = run(
        f"import os, posix\nprint(ascii({expression}))",
        environment={"NAME": "value", "B": "\udcff"},
    )
    assert result.text == f"{value}\n"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        pytest.param("os.environ['NONE']", "KeyError", id="missing"),
        pytest.param("os.environb[b'NONE']", "KeyError", id="missing bytes"),
        pytest.param("del os.environ['NONE']", "KeyError", id="delete"),
        pytest.param("os.environ[b'NAME']", "TypeError", id="bytes"),
        pytest.param("b'NAME' in os.environ", "TypeError", id="bytes in"),
        pytest.param("os.environ.get(b'NAME')", "TypeError", id="bytes get"),
        pytest.param("del os.environ[1]", "TypeError", id="delete number"),
        pytest.param("os.environ['X'] = 1", "TypeError", id="number"),
        pytest.param("os.environb[b'X'] = 'x'", "TypeError", id="text"),
        pytest.param("os.environ['a=b'] = 'x'", "ValueError", id="name"),
        pytest.param("os.environ['X'] = 'a\\0b'", "ValueError", id="null"),
        pytest.param("os.environ[''] = 'x'", "OSError", id="no name"),
        pytest.param("os.environb[b''] = b'x'", "OSError", id="no name in bytes"),
        pytest.param("del os.environ['']", "OSError", id="delete no name"),
        pytest.param("del os.environ['a=b']", "OSError", id="delete a name"),
        pytest.param("os.putenv('', 'x')", "OSError", id="put no name"),
        pytest.param("os.putenv('a=b', 'x')", "ValueError", id="put a name"),
        pytest.param("os.putenv(b'a', 'b\\0')", "ValueError", id="put null"),
        pytest.param("os.putenv(1, 'x')", "TypeError", id="put number"),
        pytest.param("os.putenv('x')", "TypeError", id="put nothing"),
        pytest.param("os.unsetenv('')", "OSError", id="unset no name"),
        pytest.param("os.unsetenv('a=b')", "OSError", id="unset a name"),
        pytest.param("os.unsetenv('a\\0')", "ValueError", id="unset null"),
    ],
)
def test_environment_refuses_what_the_real_one_refuses(
    run: Run, statement: str, error: str
) -> None:
    source = f"""
        import os
        try:
            {statement}
        except Exception as exc:
            print(type(exc).__name__)
        """
    assert run(source).text == f"{error}\n"


_NO_STREAM = {
    "None": """
        kept, sys.stdout = sys.stdout, None
        print("to nobody", flush=True)
        print("to nobody", file=sys.stdout)
        try:
            sys.stdout.write("")
        except AttributeError as exc:
            print(exc, file=kept)
        """,
    "deleted": """
        kept = sys.stdout
        del sys.stdout
        for use in (print, lambda: sys.stdout, lambda: delattr(sys, "stdout")):
            try:
                use()
            except (RuntimeError, AttributeError) as exc:
                print(type(exc), file=kept)
        print(hasattr(sys, "stdout"), file=kept)
        sys.stdout = kept
        print("back")
        """,
    "never back": """
        print("kept")
        del sys.stdout
        """,
    "deleted input": """
        del sys.stdin
        try:
            input()
        except RuntimeError:
            print("no input")
        """,
    "no input": """
        sys.stdin = None
        try:
            input()
        except RuntimeError as exc:
            print(exc)
        """,
    "no errors": """
        import warnings
        sys.stderr = None
        warnings.warn("to nobody")
        print("goes on")
        """,
}


@pytest.mark.parametrize("source", _NO_STREAM.values(), ids=_NO_STREAM)
def test_a_stream_that_is_not_there_is_missed_as_in_a_process(
    tmp_path: Path, source: str
) -> None:
    assert_same(tmp_path, "import sys\n" + textwrap.dedent(source))


def test_changes_of_the_environment_end_with_the_run(run: Run) -> None:
    before = dict(os.environ)
    result = run(
        """
        import os, posix
        os.environ["PATH"] += ":/opt"
        os.environ.setdefault("NEW", "1")
        os.environb[b"BYTES"] = b"2"
        posix.environ[b"POSIX"] = b"3"
        os.putenv("PUT", "4")
        os.unsetenv("HOME")
        del os.environ["A"]
        del os.environb[b"B"]
        del posix.environ[b"C"]
        print(*sorted(os.environ.items()))
        """,
        environment={"PATH": "/bin", "A": "", "B": "", "C": ""},
    )
    expected = [("BYTES", "2"), ("NEW", "1"), ("PATH", "/bin:/opt"), ("POSIX", "3")]
    assert result.text == " ".join(map(str, expected)) + "\n"
    assert dict(os.environ) == before


def test_outside_of_runs_the_environment_is_the_real_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import posix

    with stand_ins():
        assert (posix.putenv, posix.unsetenv) == (os.putenv, os.unsetenv)
        monkeypatch.setenv("HTTPOUT_TEST", "1")
        assert os.environ["HTTPOUT_TEST"] == os.environ.get("HTTPOUT_TEST") == "1"
        assert os.environb[b"HTTPOUT_TEST"] == b"1"
        assert "HTTPOUT_TEST" in os.environ
        assert len(os.environ) == len(list(os.environ)) == len(os.environb)
        assert set(os.environb) == {os.fsencode(name) for name in os.environ}
        assert len(posix.environ) == len(list(posix.environ))
        del os.environ["HTTPOUT_TEST"]
        os.environb[b"HTTPOUT_TEST"] = b"2"
        del os.environb[b"HTTPOUT_TEST"]
        assert "HTTPOUT_TEST" not in os.environ


def test_arguments_and_path_are_those_of_the_run(run: Run, tmp_path: Path) -> None:
    before = list(sys.path)
    result = run(
        """
        import sys
        print(sys.argv, sys.path[0])
        sys.argv.append("x")
        sys.path.insert(0, "/added")
        sys.argv = ["other"]
        print(sys.argv, sys.path[0])
        """,
        arguments=["a", "b"],
    )
    script = str(tmp_path / "script.py")
    assert result.text == f"{[script, 'a', 'b']} {tmp_path}\n['other'] /added\n"
    assert sys.path == before


def test_main_is_the_module_of_the_script(run: Run) -> None:
    result = run(
        """
        import pickle, sys, __main__
        class Cart: pass
        print(__main__ is sys.modules["__main__"], __main__.Cart is Cart)
        print(type(pickle.loads(pickle.dumps(Cart()))) is Cart)
        __main__.added = 1
        print(added, "added" in dir(sys.modules["__main__"]))
        """
    )
    assert result.text == "True True\nTrue\n1 True\n"


def test_shared_code_reaches_main_through_a_proxy(run: Run) -> None:
    proxy = sys.modules["__main__"]
    source = """
        import sys
        main = vars(sys)["modules"]["__main__"]
        main.added = 1
        print(added, "added" in dir(main), repr(main) == repr(sys.modules["__main__"]))
        del main.added
        print("added" in globals())
        """
    assert run(source).text == "1 True True\nFalse\n"
    assert proxy.__name__ == "__main__"


def test_the_module_of_the_process_is_untouched(run: Run) -> None:
    outer = sys.modules["__main__"]
    name = outer.__name__
    run("import __main__\n__main__.Cart = 1")
    assert outer.__name__ == name
    assert not hasattr(outer, "Cart")


def test_assigned_streams_end_with_the_run(run: Run) -> None:
    before = sys.stdout, sys.stderr
    result = run(
        """
        import contextlib, io, sys
        old, sys.stdout = sys.stdout, io.StringIO()
        print("hidden")
        hidden = sys.stdout.getvalue()
        sys.stdout = old
        print("got", hidden, end="")
        with contextlib.redirect_stdout(io.StringIO()) as target:
            print("also hidden")
        print("got", target.getvalue(), end="")
        sys.stdout = io.StringIO()
        sys.stdout = sys.__stdout__
        print("real", old is sys.__stdout__)
        """
    )
    assert result.text == "got hidden\ngot also hidden\nreal True\n"
    assert (sys.stdout, sys.stderr) == before


def test_input_prompts_and_reads_a_line(run: Run) -> None:
    result = run("print(input('name? '))", stdin=b"Ada\nrest\n")
    assert result.text == "name? Ada\n"


def test_outside_of_runs_streams_can_be_replaced() -> None:
    with stand_ins():
        original, sys.stdout = sys.stdout, io.StringIO()
        try:
            print("caught")
            caught = sys.stdout.getvalue()
        finally:
            sys.stdout = original
        assert sys.stdout is original
    assert caught == "caught\n"
    assert sys.stdout is original


def test_the_proxy_in_the_dictionary_of_sys_is_the_stream_of_the_run(run: Run) -> None:
    result = run(
        """
        import sys
        proxy = vars(sys)["stdin"]
        lines = [next(proxy)]
        with proxy:
            lines += list(proxy)
        text = repr(proxy)
        proxy.kept = False
        print(lines, sys.stdin.kept, text[:33])
        """,
        stdin=b"a\nb\n",
    )
    assert result.text == "['a\\n', 'b\\n'] False <_io.TextIOWrapper name='<stdin>'\n"


def test_runs_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    path = save(
        tmp_path / "script.py",
        """
        import os, sys, time
        os.environ["CHANGED"] = os.environ["NUMBER"]
        sys.stdout.number = os.environ["NUMBER"]
        time.sleep(0.02)
        print(os.environ["CHANGED"], sys.stdout.number)
        """,
    )
    texts: dict[int, str] = {}

    def work(number: int) -> None:
        result = run_file(path, environment={"NUMBER": str(number)})
        texts[number] = result.text

    with stand_ins():
        threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == {number: f"{number} {number}\n" for number in range(64)}


def test_an_environment_that_a_run_assigns_is_its_own(run: Run) -> None:
    before = os.environ
    result = run(
        """
        import os
        os.environ = os.environ.copy()
        os.environ["ADDED"] = "1"
        print(sorted(os.environ), os.getenv("ADDED"), os.environb[b"NAME"])
        os.environ = {"ONLY": "2"}
        print(dict(os.environ), os.getenv("NAME"))
        """,
        environment={"NAME": "value"},
    )
    assert result.text == "['ADDED', 'NAME'] 1 b'value'\n{'ONLY': '2'} None\n"
    assert os.environ is before
    assert run("import os; print(dict(os.environ))", environment={}).text == "{}\n"


def test_outside_of_runs_the_environment_can_be_assigned() -> None:
    before = os.environ
    with stand_ins():
        setattr(os, "environ", {"A": "b"})  # noqa: B010  as a script does it
        assert os.getenv("A") == "b"
        setattr(os, "environ", before)  # noqa: B010  as above
    assert os.environ is before


def test_clearing_the_modules_forgets_those_of_the_run_alone(run: Run) -> None:
    result = run("import sys; sys.modules.clear(); import json; print(json.dumps(1))")
    assert result.text == "1\n"


def test_what_a_script_assigns_in_sys_ends_with_the_run(tmp_path: Path) -> None:
    source = """
        import sys
        print(hasattr(sys, "own"), hasattr(sys, "ps1"), hasattr(sys, "tracebacklimit"))
        sys.own = 1
        sys.ps1 = "$ "
        sys.prefix = "/other"
        sys.dont_write_bytecode = 2
        setattr(sys, "new", 3)
        print(sys.own, sys.ps1, sys.prefix, sys.dont_write_bytecode, sys.new)
        print("own" in dir(sys), "maxsize" in dir(sys))
        del sys.own, sys.maxsize
        for name in ("own", "maxsize"):
            print(hasattr(sys, name), name in dir(sys))
            try:
                delattr(sys, name)
            except AttributeError as exc:
                print(type(exc).__name__)
            try:
                getattr(sys, name)
            except AttributeError as exc:
                print(exc)
        sys.maxsize = 4
        print(sys.maxsize)
        sys.meta_path = list(sys.meta_path)
        import colorsys
        sys.tracebacklimit = 0
        import traceback
        try:
            1 / 0
        except ZeroDivisionError:
            print(traceback.format_exc())
        """
    assert_same(tmp_path, source)


def test_runs_at_the_same_time_assign_in_sys(tmp_path: Path) -> None:
    path = save(
        tmp_path / "script.py",
        """
        import os, sys, time
        sys.mine = os.environ["NUMBER"]
        time.sleep(0.02)
        print(sys.mine)
        """,
    )
    texts: dict[int, str] = {}

    def work(number: int) -> None:
        texts[number] = run_file(path, environment={"NUMBER": str(number)}).text

    with stand_ins():
        threads = [threading.Thread(target=work, args=(n,)) for n in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not hasattr(sys, "mine")
    assert texts == {number: f"{number}\n" for number in range(32)}


def test_outside_of_runs_sys_can_be_changed(tmp_path: Path) -> None:
    with stand_ins():
        run_file(save(tmp_path / "script.py", "import sys; sys.own = 1"))
        sys.own = 2  # type: ignore[attr-defined]
        assert sys.__dict__["own"] == 2
        assert "own" in dir(sys)
        result = run_file(save(tmp_path / "script.py", "import sys; print(sys.own)"))
        assert result.text == "2\n"
        del sys.own  # type: ignore[attr-defined]
        assert not hasattr(sys, "own")
        sys.meta_path = sys.meta_path
