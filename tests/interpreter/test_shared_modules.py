"""What a script assigns in a module that all runs share reaches no other run."""

from __future__ import annotations

import colorsys
import json
import sys
import types
from pathlib import Path
from typing import Callable, Iterator

import pytest
from httpout_cgi.interpreter import assignments, shared_modules
from httpout_cgi.interpreter.refusals import ProcessNeededError

from tests.interpreter.meetings import paused
from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Result]]:
    with stand_ins():
        yield lambda source: run_file(save(tmp_path / "script.py", source))


@pytest.mark.parametrize(
    ("statement", "change"),
    [
        pytest.param("json.dumps = repr", "json.dumps", id="assign"),
        pytest.param("json.mine = 1", "json.mine", id="new"),
        pytest.param("del json.dumps", "json.dumps", id="delete"),
        pytest.param("setattr(json, 'dumps', repr)", "json.dumps", id="setattr"),
        pytest.param("setattr(json, 'mi' + 'ne', 1)", "json.mine", id="setattr new"),
        pytest.param("import os; setattr(os, 'mine', 1)", "os.mine", id="setattr os"),
        pytest.param("delattr(json, 'dumps')", "json.dumps", id="delattr"),
        pytest.param("import time; time.timezone += 1", "time.timezone", id="in place"),
        pytest.param("for json.dumps in [1]: pass", "json.dumps", id="loop"),
        pytest.param(
            "import urllib.parse; urllib.parse.quote = 1", "quote", id="dotted"
        ),
        pytest.param("import json as other; other.dumps = 1", "dumps", id="other name"),
        pytest.param("sys.modules['json'].dumps = 1", "dumps", id="sys.modules"),
        pytest.param("__import__('json').dumps = 1", "dumps", id="__import__"),
        pytest.param(
            "import importlib; importlib.import_module('json').dumps = 1",
            "dumps",
            id="import_module",
        ),
        pytest.param("def f(m): m.dumps = 1\nf(json)", "dumps", id="argument"),
        pytest.param("import os; os.getcwd = 1", "os.getcwd", id="os"),
        pytest.param("import os; os.errno = 1", "os.errno", id="os new"),
        pytest.param("import os.path; os.path.join = 1", "join", id="os.path"),
        pytest.param("import os; os.path.mine = 1", "posixpath.mine", id="os.path new"),
        pytest.param("import os.path as p; p.mine = 1", "posixpath.mine", id="p new"),
        pytest.param("import json as j; j.mine = 1", "json.mine", id="as new"),
        pytest.param(
            "from os import path as p; p.mine = 1", "path.mine", id="from new"
        ),
        pytest.param("json.decoder.mine = 1", "json.decoder.mine", id="dotted new"),
        pytest.param(
            "def f():\n import json as j\n x = j.mine = 1\nf()", "json.mine", id="local"
        ),
        pytest.param(
            "import threading as t; t.mine = 1", "threading.mine", id="thread"
        ),
        pytest.param("import time; time.time = 1", "time.time", id="C"),
        pytest.param(
            "import local_new; local_new.value = 2", "local_new.value", id="late"
        ),
        pytest.param("exec('json.dumps = 1')", "json.dumps", id="exec"),
        pytest.param("exec(b'json.dumps = 1', {**globals()})", "dumps", id="exec in"),
        pytest.param(
            "exec('exec(\"import colorsys; colorsys.ONE_SIXTH = 1\", {})')",
            "colorsys.ONE_SIXTH",
            id="nested exec",
        ),
        pytest.param(
            "exec(compile('json.dumps = 1', 'a.py', 'exec'))", "dumps", id="compiled"
        ),
        pytest.param(
            "eval(compile('json.dumps = 1', 'a.py', 'exec'))", "dumps", id="eval"
        ),
        pytest.param(
            "def f():\n exec('def g(): json.dumps = 1\\ng()', globals())\nf()",
            "json.dumps",
            id="exec in a function",
        ),
    ],
)
def test_changing_a_shared_module_is_refused(
    run: Callable[[str], Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    change: str,
) -> None:
    save(tmp_path / "shared/local_new.py", "value = 1")
    monkeypatch.syspath_prepend(str(tmp_path / "shared"))
    monkeypatch.delitem(sys.modules, "local_new", raising=False)
    before = dict(vars(json))
    failure = run(f"import json, sys\n{statement}").failure
    assert failure is not None
    assert ProcessNeededError.__name__ in failure
    assert change in failure
    assert "runner: process" in failure
    assert vars(json) == before
    sys.modules.pop("local_new", None)


def test_local_modules_are_refused_it_too(
    run: Callable[[str], Result], tmp_path: Path
) -> None:
    save(tmp_path / "local_a.py", "import json\ndef change(): json.dumps = repr")
    failure = run("import local_a\nlocal_a.change()").failure
    assert failure is not None
    assert "json.dumps" in failure


def test_what_is_the_scripts_own_can_be_changed(tmp_path: Path) -> None:
    source = """
        import __main__, builtins, local_a, os, sys, types
        class Thing:
            def __init__(self):
                self.dumps = 1
        thing = Thing()
        thing.dumps = 2
        setattr(thing, "loads", 3)
        delattr(thing, "dumps")
        own = types.ModuleType("json")
        own.dumps = 4
        setattr(own, "loads", 5)
        local_a.dumps = 6
        setattr(local_a, "loads", 7)
        del local_a.dumps
        __main__.dumps = 8
        builtins.own = 9
        sys.own = 10
        os.environ = dict(os.environ)
        import json
        print(vars(thing), own.dumps, own.loads, local_a.loads, dumps)
        print(own.__name__, sys.own, json.dumps([1]))
        """
    assert_same(tmp_path, {"script.py": source, "local_a.py": ""})


def test_libraries_and_the_server_may_change_modules(
    run: Callable[[str], Result], tmp_path: Path
) -> None:
    save(
        tmp_path / "shared/local_library.py", "import colorsys\ncolorsys.by_library = 1"
    )
    sys.path.append(str(tmp_path / "shared"))
    try:
        result = run(
            """
            import local_library, colorsys
            print(colorsys.by_library)
            if str(): colorsys.other = 1
            """
        )
        assert result.text == "1\n"
        colorsys.by_server = 1  # type: ignore[attr-defined]
        del colorsys.by_server  # type: ignore[attr-defined]
        del colorsys.by_library  # type: ignore[attr-defined]
    finally:
        sys.path.remove(str(tmp_path / "shared"))
        sys.modules.pop("local_library", None)


def test_modules_that_nobody_assigns_to_stay_plain(
    run: Callable[[str], Result],
) -> None:
    source = """
        import colorsys
        class Thing:
            def __init__(self):
                self.hls_to_rgb = 1
        print(colorsys.__class__)
        """
    assert run(source).text == "<class 'module'>\n"
    assert type(colorsys) is types.ModuleType
    run("import colorsys\nif str(): colorsys.hls_to_rgb = 1")
    assert type(colorsys) is not types.ModuleType


def test_uninstalling_leaves_modules_plain(tmp_path: Path) -> None:
    with stand_ins():
        run_file(save(tmp_path / "script.py", "import json\nif str(): json.dumps = 1"))
        assert type(json) is not types.ModuleType
    assert type(json) is types.ModuleType


def test_much_code_does_not_fill_the_memory(
    run: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_modules, "_LIMIT", 2)
    for number in range(5):
        assert run(f"x = {number}; print(x)").text == f"{number}\n"
    assert len(shared_modules._seen) <= 2


# The module has been leaving the standard library: 3.13 has it from a package.
CGI_CASES = {
    "maxlen": """
        import cgi, io, os
        print(cgi.maxlen)
        cgi.maxlen = 10
        import cgi as again
        os.environ.update(REQUEST_METHOD="POST", CONTENT_LENGTH="20")
        try:
            cgi.FieldStorage(fp=io.BytesIO(b"a=" + b"b" * 18))
        except ValueError as exc:
            print(exc, again.maxlen)
        """,
    "helper": """
        import local_limits, cgi
        print(cgi.maxlen, cgi.parse_header("text/html; a=b"))
        """,
    "test": "import cgi\ncgi.test()\nprint(cgi.maxlen)",
    "from": "from cgi import test\ntest()",
    "environ": "import cgi\ncgi.print_environ()",
    "directory": "import cgi\ncgi.print_directory()",
    "arguments": "import cgi\ncgi.print_arguments()\ncgi.print_environ_usage()",
    "log": """
        import cgi
        print(cgi.log("%s", "nothing"))
        cgi.logfile = "log.txt"
        cgi.initlog("%s", "line")
        cgi.closelog()
        print(open("log.txt").read())
        """,
}


@pytest.mark.parametrize("source", CGI_CASES.values(), ids=CGI_CASES.keys())
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_module_cgi_is_the_scripts_own_to_change(
    tmp_path: Path, source: str
) -> None:
    pytest.importorskip("cgi", reason="Python 3.13 without legacy-cgi")
    files = {"script.py": source, "local_limits.py": "import cgi\ncgi.maxlen = 5"}
    assert_same(tmp_path, files, {"QUERY_STRING": "a=1"})


def test_a_local_module_named_cgi_is_left_alone(tmp_path: Path) -> None:
    source = "import cgi\ncgi.maxlen = 1\nprint(cgi.maxlen, cgi.own)"
    assert_same(tmp_path, {"script.py": source, "cgi.py": "own = 2"})


@pytest.mark.parametrize(
    ("source", "names", "owners"),
    [
        pytest.param("a.b = 1", {"b"}, {"a"}, id="name"),
        pytest.param("def f():\n global a\n a.b = 1", {"b"}, {"a"}, id="global"),
        pytest.param("def f(a):\n del a.b", {"b"}, set(), id="argument"),
        pytest.param("a.b.c = 1", {"c"}, set(), id="dotted"),
        pytest.param("import a\na.b.c = 1", {"c"}, {"b"}, id="dotted module"),
        pytest.param("import a as b\nb.c = 1", {"c"}, {"a", "b"}, id="as"),
        pytest.param("from a import b as c\nc.d = 1", {"d"}, {"b", "c"}, id="from"),
        pytest.param(
            "def f():\n import a.b as c\n c.d = 1", {"d"}, {"b"}, id="as in function"
        ),
        pytest.param("a.b += 1", {"b"}, {"a"}, id="in place"),
        pytest.param("class A:\n def f(self): self.b += 1", set(), set(), id="own"),
        pytest.param(
            "class A:\n def f(self, b): self.b = b", set(), set(), id="self argument"
        ),
        pytest.param("class A:\n def f(self): self.b = 1", set(), set(), id="self"),
        pytest.param(
            "class A:\n def f(self): self.b = self.c.d = 1", {"d"}, set(), id="both"
        ),
        pytest.param("a[0].b = 1", {"b"}, set(), id="item"),
        pytest.param("\n".join(f"x{n}.y{n} = {n}" for n in range(300)), None, None),
    ],
)
def test_assignments_are_found_in_bytecode(
    source: str, names: object, owners: object
) -> None:
    found = assignments.find(compile(source, "<test>", "exec"))
    if names is None:
        names, owners = ({f"{c}{n}" for n in range(300)} for c in "yx")
    assert found.names == names
    assert found.owners == owners


def test_two_runs_read_with_fileinput_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\n2\n3\n")
    source = """
        import fileinput
        for line in fileinput.input("a.txt"):
            print(fileinput.lineno(), line, end="")
    """
    pause = "            __import__('meeting').pause()\n"
    one = save(tmp_path / "one.py", source.rstrip() + "\n" + pause)
    other = save(tmp_path / "other.py", source)
    with stand_ins(), paused(one) as waiting:
        result = run_file(other)
        first = waiting.result()
    assert result.failure is None, result.failure
    assert result.text == first.text == "1 1\n2 2\n3 3\n"
