"""Which runner a script needs, by what is written in it and in its modules."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict

import pytest
from httpout_cgi.interpreter import classify_modules, file_state
from httpout_cgi.interpreter.classify import Classifier
from httpout_cgi.interpreter.classify_case import PROCESS, THREAD, Verdict

SETTLED = 2**62


def judge(folder: Path, source: str, **environment: str) -> Verdict:
    path = folder / "script.py"
    path.write_text(source)
    return Classifier().judge(str(path), environment)


def write(folder: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("source", "call"),
    [
        pytest.param("import os as o\no.fork()", "os.fork", id="alias"),
        pytest.param("from os import fork\nfork()", "os.fork", id="from"),
        pytest.param("from os import fork as f\nf()", "os.fork", id="from as"),
        pytest.param("from os import *\nfork()", "os.fork", id="star"),
        pytest.param("import os\ngetattr(os, 'fork')()", "os.fork", id="getattr"),
        pytest.param(
            "import os\nf = getattr(os, 'fork', None)", "os.fork", id="default"
        ),
        pytest.param("import os\nf = os.fork\nf()", "os.fork", id="kept"),
        pytest.param("import os\no = os\no.fork()", "os.fork", id="other name"),
        pytest.param("import posix\nposix.fork()", "os.fork", id="C module"),
        pytest.param("__import__('os').fork()", "os.fork", id="__import__"),
        pytest.param("__import__('os.path').fork()", "os.fork", id="first part"),
        pytest.param(
            "from importlib import import_module as i\ni('os').fork()",
            "os.fork",
            id="import_module",
        ),
        pytest.param("import sys\nsys.modules['os'].fork()", "os.fork", id="modules"),
        pytest.param("import os\nvars(os)['fork']()", "os.fork", id="vars"),
        pytest.param("import os\nos.__dict__['fork']()", "os.fork", id="__dict__"),
        pytest.param("import os\n(os if 1 else None).fork()", "os.fork", id="either"),
        pytest.param("import os\n(x := os).fork()", "os.fork", id="walrus"),
        pytest.param("import os\n(None or os).fork()", "os.fork", id="or"),
        pytest.param("def f():\n import os\n os.fork()", "os.fork", id="not called"),
        pytest.param("import os\nf = lambda: os.fork()", "os.fork", id="lambda"),
        pytest.param("import os\nx = [os.fork() for i in y]", "os.fork", id="list"),
        pytest.param(
            "def f():\n global o\n import os as o\ndef g(): o.fork()",
            "os.fork",
            id="global",
        ),
        pytest.param(
            "def f():\n o = 1\n def g():\n  nonlocal o\n  import os as o\n"
            " def h(): o.fork()",
            "os.fork",
            id="nonlocal",
        ),
        pytest.param("class C:\n import os\n os.fork()", "os.fork", id="class body"),
        pytest.param("import os\n@os.fork\ndef f(): pass", "os.fork", id="decorator"),
        pytest.param("import os\ndef f(a=os.fork): pass", "os.fork", id="argument"),
        pytest.param("import os\ngetattr(os, name)()", "os.…", id="some name"),
        pytest.param("exec('import os; os.fork()')", "os.fork", id="exec"),
        pytest.param("import os\neval('os.fork()')", "os.fork", id="eval"),
        pytest.param("import os\nif x: pass\nelse: os.fork()", "os.fork", id="else"),
        pytest.param(
            "import multiprocessing as m\nm.get_context('spawn')",
            "multiprocessing.get_context",
            id="multiprocessing",
        ),
        pytest.param(
            "import subprocess, os\nsubprocess.Popen('x', preexec_fn=os.setsid)",
            "os.setsid",
            id="passed on",
        ),
        pytest.param("import pty", "import pty", id="module"),
        pytest.param("from mercurial import demandimport", "import mercurial", id="hg"),
        pytest.param("from gevent import monkey", "import gevent.monkey", id="below"),
        pytest.param(
            "import socket\nsocket.socket = 1", "socket.socket = …", id="assigned"
        ),
        pytest.param("import json as j\nj.x += 1", "json.x = …", id="added to"),
        pytest.param("import json\ndel json.dumps", "json.dumps = …", id="deleted"),
        pytest.param("import json\nsetattr(json, 'x', 1)", "json.x = …", id="setattr"),
        pytest.param("import json\nsetattr(json, x, 1)", "json.… = …", id="any name"),
        pytest.param("import json\nvars(json)['x'] = 1", "json.… = …", id="in vars"),
        pytest.param(
            "import json\njson.__dict__.update(x=1)", "json.… = …", id="updated"
        ),
        pytest.param(
            "import string\nfrom string import Template\nTemplate.delimiter = '%'",
            "string.Template.delimiter = …",
            id="class",
        ),
        pytest.param(
            "import urllib.parse\nurllib.parse.uses_netloc.append('x')",
            "urllib.parse.uses_netloc = …",
            id="list of a module",
        ),
        pytest.param(
            "import mimetypes\nmimetypes.types_map['.x'] = 'a/b'",
            "mimetypes.types_map = …",
            id="dictionary of a module",
        ),
        pytest.param(
            "import importlib, json\nimportlib.reload(json)",
            "reload(json)",
            id="reload",
        ),
        pytest.param("import os\nos.environ.setdefault('TZ', 'x')", "TZ", id="default"),
        pytest.param("import os\nos.environ.update(TZ='x')", "TZ", id="update"),
        pytest.param("import os\nos.environ.update({'TZ': 'x'})", "TZ", id="update {}"),
        pytest.param("import os\nos.putenv('TZ', 'x')", "TZ", id="putenv"),
        pytest.param("open('/dev/fd/0')", "/dev/fd/0", id="descriptor"),
        pytest.param(
            "import locale\nf = locale.setlocale", "locale.setlocale", id="kept call"
        ),
        pytest.param(
            "import locale\nlocale.setlocale(x, 'C')", "locale.setlocale", id="unknown"
        ),
        pytest.param(
            "import locale as l, thing\nl.setlocale(thing.x, '')",
            "locale.setlocale",
            id="argument of somebody else",
        ),
    ],
)
def test_what_needs_a_process_is_found(tmp_path: Path, source: str, call: str) -> None:
    verdict = judge(tmp_path, source)
    assert verdict.runner == PROCESS
    assert [one.call for one in verdict.reasons if one.call.startswith(call)], verdict


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import os\nhasattr(os, 'fork')", id="only asked for"),
        pytest.param("def f(os): os.fork()", id="an argument"),
        pytest.param("def f(*os, **x): os.fork()", id="arguments"),
        pytest.param("import os\nos: 'os.fork'\ndef f() -> os.fork: pass", id="type"),
        pytest.param("class C:\n import os\n def f(self): os.fork()", id="not seen"),
        pytest.param("import os\nif False: os.fork()", id="if False"),
        pytest.param("import os\nif 1: pass\nelse: os.fork()", id="if 1"),
        pytest.param("import os\nif not True: os.fork()", id="if not True"),
        pytest.param(
            "import typing, os\nif typing.TYPE_CHECKING: os.fork()", id="checking"
        ),
        pytest.param(
            "import os, sys\nif sys.platform == 'win32': os.fork()", id="Windows"
        ),
        pytest.param(
            "import os, sys\nif sys.platform.startswith('win'): os.fork()", id="win"
        ),
        pytest.param("import os\nif os.name != 'posix': os.fork()", id="not posix"),
        pytest.param("import locale\nlocale.setlocale(locale.LC_ALL, 'C')", id="C"),
        pytest.param("import locale\nlocale.setlocale(locale.LC_ALL)", id="asks"),
        pytest.param("import csv\ncsv.field_size_limit()", id="asks for a limit"),
        pytest.param("import os\nos.nice(0)", id="nice(0)"),
        pytest.param("import random\nrandom.seed()", id="no seed"),
        pytest.param("import random\nrandom.Random(4).seed(3)", id="own random"),
        pytest.param("import os\nos.kill(os.getpid(), 15)", id="kills itself"),
        pytest.param(
            "import warnings\nwith warnings.catch_warnings():\n"
            " warnings.simplefilter('ignore')",
            id="caught warnings",
        ),
        pytest.param("import multiprocessing\nmultiprocessing.cpu_count()", id="count"),
        pytest.param("from multiprocessing.pool import ThreadPool as T\nT(2)", id="T"),
        pytest.param("import subprocess\nsubprocess.run(['x', '/dev/stdin'])", id="x"),
        pytest.param("import sys\nsys.argv = []\nsys.path.append('x')", id="sys"),
        pytest.param("import os\nos.environ['APP'] = 'x'\nos.environ.pop('Y')", id="e"),
        pytest.param(
            "import os\nos.environ.update(APP='x')\nos.environ[x] = 1", id="u"
        ),
        pytest.param("import flask\nflask.g.user = 1", id="context"),
        pytest.param("import no_such_thing\nno_such_thing.x = 1", id="missing"),
        pytest.param("x = {}\nx['a'] = 1\nx.update(b=2)\nx.y = 1", id="own things"),
        pytest.param("for os in x: os.fork()", id="a variable"),
        pytest.param("try: x\nexcept E as os: os.fork()", id="an exception"),
        pytest.param("exec('no python')\nexec(x)\neval('1')", id="exec"),
        pytest.param("from . import x\nfrom .. import *\nx.y()", id="no package"),
        pytest.param("getattr(x, y)\ngetattr(x)\n__import__(x)", id="any"),
        pytest.param("import json\njson.append(1)\nfrom json import *", id="function"),
        pytest.param("x = y\ny = x\nx.fork()", id="in a circle"),
    ],
)
def test_a_thread_is_enough(tmp_path: Path, source: str) -> None:
    assert judge(tmp_path, source) == Verdict(THREAD)


def test_a_reason_names_file_line_and_call(tmp_path: Path) -> None:
    verdict = judge(tmp_path, "import os\n\nos.fork()\nos.fork()\n")
    assert [str(one) for one in verdict.reasons] == [
        "script.py:3: os.fork: a copy of the server would go on with all its"
        " connections"
    ]


@pytest.mark.parametrize(
    ("files", "source"),
    [
        pytest.param({"helper.py": "FORK"}, "import helper", id="beside"),
        pytest.param({"helper.py": "FORK"}, "from helper import *", id="star"),
        pytest.param(
            {"a/__init__.py": "", "a/b.py": "FORK"}, "import a.b", id="package"
        ),
        pytest.param(
            {"a/__init__.py": "FORK", "a/b.py": ""}, "from a import b", id="its init"
        ),
        pytest.param(
            {"a/__init__.py": "", "a/b.py": "FORK"}, "from a import b", id="from"
        ),
        pytest.param(
            {"a/__init__.py": "from .b import x", "a/b.py": "FORK"},
            "import a",
            id="relative",
        ),
        pytest.param(
            {
                "a/__init__.py": "",
                "a/b/__init__.py": "from ..c import x",
                "a/c.py": "FORK",
            },
            "import a.b",
            id="two dots",
        ),
        pytest.param({"a/b.py": "FORK"}, "import a.b", id="namespace"),
        pytest.param(
            {"helper.py": "import other", "other.py": "FORK"},
            "import helper",
            id="by a helper",
        ),
        pytest.param(
            {"helper.py": "import os"}, "import helper\nhelper.os.fork()", id="os"
        ),
        pytest.param(
            {"compat.py": "from os import fork"},
            "from compat import fork\nfork()",
            id="handed on",
        ),
        pytest.param(
            {"compat.py": "from os import *"},
            "import compat\ncompat.fork()",
            id="handed on with a star",
        ),
        pytest.param(
            {"compat.py": "from os import fork"},
            "from compat import *\nfork()",
            id="by a star",
        ),
        pytest.param(
            {"plug/__init__.py": "", "plug/one.py": "FORK"},
            "import importlib\nimportlib.import_module('plug.' + name)",
            id="any of a package",
        ),
        pytest.param(
            {"plug/__init__.py": "", "plug/one.py": "FORK"},
            "__import__('plug.%s' % name)",
            id="formatted name",
        ),
        pytest.param(
            {"plug/__init__.py": "", "plug/one.py": "FORK"},
            "__import__(f'plug.{name}')",
            id="f-string",
        ),
        pytest.param(
            {"plug/__init__.py": "", "plug/one.py": "FORK"},
            "__import__('plug.{}'.format(name))",
            id="format()",
        ),
        pytest.param({"x.inc": "FORK"}, "exec(open('x.inc').read())", id="exec"),
        pytest.param(
            {"lib/run.py": "FORK"},
            "import os\nname = os.path.join('lib', 'run.py')\n"
            "with open(name) as f: exec(f.read())",
            id="opened for exec",
        ),
        pytest.param(
            {"run.py": "FORK"}, "import runpy\nrunpy.run_path('run.py')", id="run_path"
        ),
        pytest.param(
            {"run.py": "FORK"}, "import runpy\nrunpy.run_module('run')", id="module"
        ),
    ],
)
def test_local_modules_count(
    tmp_path: Path, files: Dict[str, str], source: str
) -> None:
    fork = "import os\nos.fork()"
    write(tmp_path, {name: text.replace("FORK", fork) for name, text in files.items()})
    verdict = judge(tmp_path, source)
    assert verdict.runner == PROCESS
    assert verdict.reasons[0].call == "os.fork"


HERE = "os.path.dirname(os.path.abspath(__file__))"


@pytest.mark.parametrize(
    "change",
    [
        "sys.path.insert(0, 'lib')",
        "sys.path.append('./lib')",
        "sys.path.extend(['lib'])",
        "sys.path = ['lib'] + sys.path",
        "sys.path[:0] = ['lib']",
        "sys.path[0:0] = ('lib',)",
        "sys.path += ['lib']",
        "sys.path = ['lib', *sys.path]",
        "sys.path = list(sys.path) + [x for x in sys.path] + ['lib'] + sys.path[1:]",
        "import site\nsite.addsitedir('lib')",
        f"sys.path.insert(0, os.path.join({HERE}, 'lib'))",
        f"here = {HERE}\nsys.path.insert(0, here + '/lib')",
        f"sys.path.insert(0, '%s/lib' % {HERE})",
        f"sys.path.insert(0, f'{{{HERE}}}/lib')",
        "sys.path.insert(0, os.path.split(os.path.abspath(__file__))[0] + '/lib')",
        "sys.path.insert(0, os.getcwd() + os.sep + 'lib')",
        "sys.path.insert(0, os.path.join(sys.path[0], 'lib'))",
        "sys.path.insert(0, os.path.join(os.path.dirname(sys.argv[0]), 'lib'))",
        "sys.path.insert(0, os.path.join(os.curdir, 'lib'))",
        "from os import curdir\nsys.path.insert(0, os.path.join(curdir, 'lib'))",
        "from pathlib import Path\n"
        "sys.path.insert(0, str(Path(__file__).parent / 'lib'))",
        "from pathlib import Path\n"
        "sys.path.insert(0, str(Path(__file__).resolve().parents[0].joinpath('lib')))",
    ],
)
def test_folders_that_the_script_adds_count(tmp_path: Path, change: str) -> None:
    write(tmp_path, {"lib/helper.py": "import os\nos.fork()"})
    source = f"import os, sys\n{change}\nimport helper\n"
    assert judge(tmp_path, source).runner == PROCESS, change
    write(tmp_path, {"lib/helper.py": ""})
    assert judge(tmp_path, source) == Verdict(THREAD)


@pytest.mark.parametrize(
    "change",
    [
        "sys.path.insert(0, os.environ['X'])",
        "sys.path.insert(0, where())",
        "sys.path.insert(0, '%s%s' % x)",
        "sys.path.insert(0, x / 'lib')",
        "sys.path.insert(0, x[0])",
        "sys.path.insert(0, x.parents[1])",
        "sys.path.insert(0, f'{x}')",
        "sys.path.insert(0, os.path.join('a', x))",
        "y = 1\ny = 2\nsys.path.insert(0, y)",
    ],
)
def test_what_cannot_be_found_on_a_path_that_cannot_be_told_is_in_doubt(
    tmp_path: Path, change: str
) -> None:
    start = f"import os, sys\n{change}\n"
    assert judge(tmp_path, start + "import no_such_thing").runner == PROCESS
    guarded = "try: import no_such_thing\nexcept ImportError: pass"
    assert judge(tmp_path, start + guarded).runner == THREAD
    assert judge(tmp_path, start + "import json").runner == THREAD


def test_python_path_counts(tmp_path: Path) -> None:
    write(tmp_path, {"lib/helper.py": "import os\nos.fork()"})
    library = str(tmp_path / "lib")
    assert judge(tmp_path, "import helper").runner == THREAD
    assert judge(tmp_path, "import helper", PYTHONPATH=library).runner == PROCESS


def test_a_local_module_shadows_a_shared_one(tmp_path: Path) -> None:
    write(tmp_path, {"csv.py": "def field_size_limit(x): pass"})
    source = "import csv\ncsv.field_size_limit(1)\ncsv.x = 1"
    assert judge(tmp_path, source) == Verdict(THREAD)


def test_a_folder_of_data_shadows_nothing(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    assert judge(tmp_path, "import csv\ncsv.field_size_limit(1)").runner == PROCESS


def test_what_a_module_does_as_a_script_does_not_count(tmp_path: Path) -> None:
    main = "import os\nif __name__ == '__main__': os.fork()"
    write(tmp_path, {"helper.py": main})
    assert judge(tmp_path, "import helper").runner == THREAD
    assert judge(tmp_path, main).runner == PROCESS


def test_broken_modules_are_told(tmp_path: Path) -> None:
    write(tmp_path, {"helper.py": "print 'x'"})
    verdict = judge(tmp_path, "import helper")
    assert verdict.runner == THREAD
    assert str(verdict.reasons[0]).startswith("helper.py:1: SyntaxError: Missing par")


@pytest.mark.parametrize(
    ("name", "content", "runner", "why"),
    [
        pytest.param("a.py", b"print 'x'", THREAD, "a.py:1: SyntaxError", id="syntax"),
        pytest.param("a.py", b"\xe9", THREAD, "SyntaxError: Non-UTF-8", id="bytes"),
        pytest.param("a.py", b"\0", THREAD, "a.py:1: SyntaxError", id="NUL"),
        pytest.param("a.py", b"-" * 99999 + b"1", THREAD, "a.py: ", id="deep"),
        pytest.param(
            "a.pl", b"#!/usr/bin/perl", PROCESS, "not Python: /usr", id="perl"
        ),
        pytest.param("a", b"\x7fELF", PROCESS, "not Python: a program", id="program"),
        pytest.param("a", b"#!python3\n" + b"#" * 5_000_000, PROCESS, "Py", id="huge"),
    ],
)
def test_what_is_no_source_is_told(
    tmp_path: Path, name: str, content: bytes, runner: str, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    verdict = Classifier().judge(str(path))
    assert verdict.runner == runner
    assert why in str(verdict.reasons[0])


@pytest.mark.parametrize(("name", "runner"), [("a.py", THREAD), ("a.cgi", PROCESS)])
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, runner: str) -> None:
    verdict = Classifier().judge(str(tmp_path / name))
    assert verdict.runner == runner
    assert str(verdict.reasons[0]) == f"{name}: No such file or directory"


@pytest.fixture
def other_python(tmp_path: Path) -> Path:
    """A Python of another environment, with a package that ours lacks."""
    folder = tmp_path / "other"
    write(folder, {"bin/python3": "", "lib/python3.9/site-packages/only_there.py": ""})
    (folder / "lib/python3.9/in_c.cpython-39.so").touch()
    return folder / "bin/python3"


def test_another_python_has_what_needs_a_process_anyway(
    tmp_path: Path, other_python: Path
) -> None:
    library = other_python.parent.parent / "lib/python3.9/site-packages"
    (library / "bzrlib").mkdir()
    verdict = judge(tmp_path, f"#!{other_python}\nimport bzrlib.lazy_import")
    assert (verdict.runner, verdict.interpreter) == (PROCESS, str(other_python))


@pytest.mark.parametrize("name", ["only_there", "in_c"])
def test_another_python_runs_what_only_it_has(
    tmp_path: Path, other_python: Path, name: str
) -> None:
    source = f"#!{other_python}\nimport os, {name}"
    verdict = judge(tmp_path, source)
    assert (verdict.runner, verdict.interpreter) == (PROCESS, str(other_python))
    assert str(verdict.reasons[0]).endswith(f"only {other_python} has it")


@pytest.mark.parametrize("name", ["json", "nobody_has_it"])
def test_another_python_that_offers_nothing_more_is_ours(
    tmp_path: Path, other_python: Path, name: str
) -> None:
    assert judge(tmp_path, f"#!{other_python}\nimport {name}") == Verdict(THREAD)


def test_what_is_no_source_for_us_is_for_the_python_that_is_named(
    tmp_path: Path, other_python: Path
) -> None:
    verdict = judge(tmp_path, f"#!{other_python}\nprint 'x'")
    assert (verdict.runner, verdict.interpreter) == (PROCESS, str(other_python))


@pytest.mark.parametrize(
    ("program", "is_own"),
    [
        ("python3", True),
        ("/no/such/python3", True),
        (sys.executable, True),
        ("/bin/sh", False),
    ],
)
def test_our_own_python_is_known(program: str, is_own: bool) -> None:
    assert classify_modules.is_own(program) is is_own


def test_a_package_that_patches_imports_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        {
            "site/lazy_things/__init__.py": "",
            "site/lazy_things/hook.py": "import sys\nsys.meta_path.insert(0, 1)",
            "site/lazy_things/other.py": "",
            "site/lazy_c.so": "",
        },
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "app").mkdir()
    app = tmp_path / "app"
    assert judge(app, "from lazy_things import other").runner == THREAD
    assert judge(app, "import lazy_things.hook").runner == PROCESS


def test_what_is_installed_later_is_found(tmp_path: Path, other_python: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(f"#!{other_python}\nimport comes_later")
    library = other_python.parent.parent / "lib/python3.9/site-packages"
    os.utime(library, (1, 1))  # its time is another one afterwards
    classifier = Classifier(lambda: SETTLED)
    assert classifier.judge(str(path)) == Verdict(THREAD)
    assert classifier.find(str(path), os.stat(path)) is not None
    (library / "comes_later").mkdir()
    assert classifier.find(str(path), os.stat(path)) is None
    assert classifier.judge(str(path)).interpreter == str(other_python)


class Known:
    """A script and its helper, and what is known of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "script.py"
        write(folder, {"script.py": "import helper, other", "helper.py": ""})
        self.classifier = Classifier(lambda: SETTLED)
        self.verdict = self.judge()

    def judge(self) -> Verdict:
        return self.classifier.judge(str(self.path))

    def is_known(self) -> bool:
        return self.classifier.find(str(self.path), os.stat(self.path)) is not None


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(tmp_path)


def test_a_verdict_is_kept(known: Known) -> None:
    assert known.is_known()
    assert known.judge() is known.verdict


def test_a_verdict_is_kept_while_other_files_come_and_go(known: Known) -> None:
    write(known.folder, {"data.txt": "", "unrelated.py": ""})
    assert known.is_known()


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"script.py": "import os; os.fork()"}, id="the script"),
        pytest.param({"helper.py": "import os; os.fork()"}, id="its module"),
        pytest.param({"other.py": "import os; os.fork()"}, id="a new module"),
    ],
)
def test_a_verdict_does_not_outlive_an_edit(
    known: Known, files: Dict[str, str]
) -> None:
    assert known.verdict.runner == THREAD
    write(known.folder, files)
    assert not known.is_known()
    assert known.judge().runner == PROCESS


def test_a_verdict_does_not_outlive_a_module(known: Known) -> None:
    (known.folder / "helper.py").unlink()
    assert not known.is_known()


def test_modules_are_believed_as_long_as_the_settings_say(known: Known) -> None:
    file_state.believe_for(3600.0)
    try:
        assert known.is_known()
        write(known.folder, {"helper.py": "import os; os.fork()"})
        assert known.is_known()
        file_state.believe_for(0.0)
        assert not known.is_known()
    finally:
        file_state.believe_for(0.0)


def test_an_edit_within_a_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.touch()
    classifier = Classifier(lambda: path.stat().st_ctime_ns + 4_000_000)
    classifier.judge(str(path))
    assert classifier.find(str(path), os.stat(path)) is None


def test_another_environment_is_another_case(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.touch()
    classifier = Classifier(lambda: SETTLED)
    classifier.judge(str(path), {"PYTHONPATH": "/lib"})
    stat = os.stat(path)
    assert classifier.find(str(path), stat) is None
    assert classifier.find(str(path), stat, {"PYTHONPATH": "/lib", "X": "1"})


def test_old_verdicts_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("httpout_cgi.interpreter.classify._LIMIT", 1)
    classifier = Classifier(lambda: SETTLED)
    for name in ("a.py", "b.py"):
        (tmp_path / name).touch()
        classifier.judge(str(tmp_path / name))
    first, second = (str(tmp_path / name) for name in ("a.py", "b.py"))
    assert classifier.find(first, os.stat(first)) is None
    assert classifier.find(second, os.stat(second)) is not None
