"""What needs a process is an error in a run, and works outside of one."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator

import pytest
from httpout_cgi.interpreter.process_calls import GUARDED, PROCESS_CALLS

from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def run(tmp_path: Path, source: str, **environment: str) -> Result:
    return run_file(save(tmp_path / "script.py", source), environment=environment)


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("os.fork()", "os.fork"),
        ("os.forkpty()", "os.forkpty"),
        ("os.execv('/bin/true', ['true'])", "os.execv"),
        ("os.execle('true', 'true', {})", "os.execle"),
        ("import posix; posix.fork()", "os.fork"),
        ("from os import fork; fork()", "os.fork"),
        ("import pty; pty.spawn('/bin/true')", "pty.spawn"),
        ("os.setuid(4321)", "os.setuid"),
        ("os.setgroups([])", "os.setgroups"),
        ("os.chroot('/')", "os.chroot"),
        ("os.nice(1)", "os.nice"),
        ("os.setpriority(os.PRIO_PROCESS, 0, 1)", "os.setpriority"),
        ("os.sched_setaffinity(0, [0])", "os.sched_setaffinity"),
        ("os.setsid()", "os.setsid"),
        ("os.setpgid(0, 0)", "os.setpgid"),
        ("os.register_at_fork(before=print)", "os.register_at_fork"),
        ("os.kill(os.getppid(), 1)", "os.kill"),
        ("os.kill(0, 15)", "os.kill"),
        ("os.kill(-1, 9)", "os.kill"),
        (
            "import resource; resource.setrlimit(resource.RLIMIT_CPU, (9, 9))",
            "resource.setrlimit",
        ),
        (
            "import resource as r; r.prlimit(0, r.RLIMIT_CPU, (9, 9))",
            "resource.prlimit",
        ),
        ("import time; os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()", "time.tzset"),
        (
            "import socket; socket.setdefaulttimeout(5)",
            "socket.setdefaulttimeout",
        ),
        (
            "import _socket; _socket.setdefaulttimeout(5)",
            "socket.setdefaulttimeout",
        ),
        (
            "import urllib.request as u; u.install_opener(u.build_opener())",
            "urllib.request.install_opener",
        ),
        ("import csv; csv.field_size_limit(2**24)", "csv.field_size_limit"),
        ("import csv; csv.register_dialect('x')", "csv.register_dialect"),
        ("import csv; csv.unregister_dialect('excel')", "csv.unregister_dialect"),
        ("import codecs; codecs.register(print)", "codecs.register"),
        ("import codecs; codecs.register_error('x', print)", "codecs.register_error"),
        ("import mimetypes; mimetypes.add_type('x/y', '.xy')", "mimetypes.add_type"),
        ("import mimetypes; mimetypes.init([])", "mimetypes.init"),
        ("import gettext; gettext.textdomain('x')", "gettext.textdomain"),
        ("import gettext; gettext.bindtextdomain('x', '/')", "gettext.bindtextdomain"),
        ("import threading; threading.stack_size(2**20)", "threading.stack_size"),
        ("import _thread; _thread.stack_size(2**20)", "threading.stack_size"),
        ("sys.setswitchinterval(1)", "sys.setswitchinterval"),
        ("sys.addaudithook(print)", "sys.addaudithook"),
        ("sys.setdlopenflags(99)", "sys.setdlopenflags"),
        (
            "import faulthandler; faulthandler.dump_traceback_later(60)",
            "faulthandler.dump_traceback_later",
        ),
        (
            "import multiprocessing as m; m.get_context('fork').Process().start()",
            "multiprocessing.process.BaseProcess.start",
        ),
        (
            "import multiprocessing; multiprocessing.Pool(1)",
            "multiprocessing.process.BaseProcess.start",
        ),
        (
            "import multiprocessing; multiprocessing.Manager()",
            "multiprocessing.managers.BaseManager.start",
        ),
        (
            "import concurrent.futures as f; f.ProcessPoolExecutor()",
            "concurrent.futures.process.ProcessPoolExecutor.__init__",
        ),
    ],
)
def test_a_call_that_needs_a_process_says_so(
    tmp_path: Path, statement: str, call: str
) -> None:
    result = run(tmp_path, f"import os, sys\n{statement}\nprint('went on')")
    assert result.text == ""
    assert result.failure
    assert f"ProcessNeededError: {call}() needs a process" in result.failure
    assert "runner: process" in result.failure
    if not call.startswith("os.kill"):
        assert PROCESS_CALLS[call] in result.failure


@pytest.mark.parametrize(
    "statement",
    [
        "os.nice(0)",
        "import time; time.tzset()",
        "import socket; socket.setdefaulttimeout(None)",
        "import csv; csv.field_size_limit(csv.field_size_limit())",
        "import csv; csv.field_size_limit(); csv.list_dialects()",
        "import mimetypes; mimetypes.init(); mimetypes.add_type('text/html', '.html')",
        "import gettext; gettext.textdomain(); gettext.bindtextdomain('x')",
        "import threading as t; t.stack_size(); t.stack_size(t.stack_size())",
        "sys.setswitchinterval(sys.getswitchinterval())",
        "sys.setdlopenflags(sys.getdlopenflags())",
        "import codecs as c; c.register_error('strict', c.lookup_error('strict'))",
        "import resource as r; r.setrlimit(r.RLIMIT_CPU, r.getrlimit(r.RLIMIT_CPU))",
        "import resource as r; r.prlimit(0, r.RLIMIT_CPU)",
        "import multiprocessing as m; m.cpu_count(), m.get_context().Queue, m.Lock()",
        "import multiprocessing.pool as p; p.ThreadPool(1).terminate()",
        "from multiprocessing.dummy import Pool; Pool(1).terminate()",
        "import pty, tty, resource, fcntl, signal, faulthandler, concurrent.futures",
        "import readline, curses",
        "import encodings.idna, encodings.punycode",
    ],
)
def test_what_changes_nothing_is_let_through(tmp_path: Path, statement: str) -> None:
    result = run(tmp_path, f"import os, sys\n{statement}\nprint('went on')")
    assert result.failure is None
    assert result.text == "went on\n"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("import csv; csv.register_dialect()", "ProcessNeededError"),
        ("import csv; csv.field_size_limit('x')", "ProcessNeededError"),
        ("import socket; socket.setdefaulttimeout()", "TypeError"),
        ("import socket; socket.setdefaulttimeout(1, 2)", "TypeError"),
        ("import codecs; codecs.register_error('utf-8')", "TypeError"),
    ],
)
def test_wrong_arguments_are_an_error(
    tmp_path: Path, statement: str, error: str
) -> None:
    assert error in str(run(tmp_path, statement).failure)


LOCALE = "import locale\nfrom locale import *\n"


@pytest.mark.parametrize(
    ("statement", "environment"),
    [
        ("setlocale(LC_ALL)", {}),
        ("setlocale(LC_ALL, None)", {}),
        ("setlocale(LC_ALL, '')", {}),
        ("setlocale(LC_TIME, '')", {"LANG": "C.UTF-8"}),
        ("setlocale(LC_ALL, 'C')", {}),
        ("setlocale(LC_NUMERIC, 'C')", {}),
        ("setlocale(LC_ALL, setlocale(LC_ALL))", {}),
        ("setlocale(LC_ALL, '')", {"LC_ALL": "C", "LANG": "de_DE.UTF-8"}),
        ("locale.getpreferredencoding()", {}),
        ("locale.localeconv(), locale.getlocale(), locale.getdefaultlocale", {}),
    ],
)
def test_a_locale_that_changes_nothing_can_be_set(
    tmp_path: Path, statement: str, environment: Dict[str, str]
) -> None:
    before = locale.setlocale(locale.LC_ALL)
    result = run(tmp_path, f"{LOCALE}{statement}\nprint(1)", **environment)
    assert (result.text, result.failure) == ("1\n", None)
    assert locale.setlocale(locale.LC_ALL) == before


def is_installed(name: str) -> bool:
    code = f"import locale; locale.setlocale(locale.LC_ALL, {name!r})"
    command = [sys.executable, "-c", code]
    return (
        subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    )


@pytest.mark.parametrize(
    ("statement", "environment"),
    [
        ("setlocale(LC_ALL, 'en_US.UTF-8')", {}),
        ("setlocale(LC_ALL, '')", {"LANG": "en_US.UTF-8"}),
        ("setlocale(LC_TIME, '')", {"LC_TIME": "en_US.UTF-8"}),
        ("setlocale(LC_ALL, '')", {"LC_ALL": "en_US.UTF-8"}),
        ("setlocale(LC_ALL, 'xx_YY')", {}),
        ("setlocale(LC_ALL, '')", {"LANG": "xx_YY"}),
    ],
)
def test_another_locale_is_refused_or_unknown(
    tmp_path: Path, statement: str, environment: Dict[str, str]
) -> None:
    name = "xx_YY" if "xx_YY" in (statement, *environment.values()) else "en_US.UTF-8"
    name = "xx_YY" if "xx_YY" in statement else name
    failure = str(run(tmp_path, f"{LOCALE}{statement}", **environment).failure)
    if is_installed(name):
        assert "ProcessNeededError: locale.setlocale()" in failure
    else:
        assert "locale.Error: unsupported locale setting" in failure


def test_an_unusual_locale_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, f"{LOCALE}setlocale(LC_ALL, ('en_US', 'UTF-8'))")
    assert "ProcessNeededError: locale.setlocale()" in str(result.failure)


def test_an_installed_locale_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from httpout_cgi.interpreter import harmless_calls

    monkeypatch.setattr(harmless_calls, "_is_installed", lambda name: True)
    result = run(tmp_path, f"{LOCALE}setlocale(LC_ALL, 'xx_YY')")
    assert "ProcessNeededError: locale.setlocale()" in str(result.failure)


def test_the_time_zone_of_the_server_may_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = time.tzname
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    result = run(tmp_path, "import time; time.tzset()", TZ="Asia/Tokyo")
    assert result.failure is None
    assert time.tzname == before


def test_a_module_that_a_run_imports_is_guarded(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from tests.interpreter.script_runs import run_file, stand_ins
        early = [name for name in ("csv", "pty", "mimetypes") if name in sys.modules]
        with stand_ins():
            result = run_file(Path(sys.argv[1]))
        print(early, result.text)
        import csv
        csv.register_dialect("x")
        """
    save(
        tmp_path / "script.py",
        """
        import csv, pty
        from mimetypes import add_type
        for call in (lambda: csv.register_dialect("x"), lambda: pty.spawn("true"),
                     lambda: add_type("x/y", ".xy")):
            try:
                call()
            except RuntimeError as exc:
                print(str(exc).partition("(")[0], end=" ")
        """,
    )
    program = save(tmp_path / "program.py", code)
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "script.py")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    text = done.stdout.decode().strip()
    assert text == "[] csv.register_dialect pty.spawn mimetypes.add_type"


def test_shared_modules_may_set_up_what_they_need(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    name = f"shared_{os.getpid()}"
    save(folder / f"{name}.py", f"import csv\ncsv.register_dialect('{name}')")
    sys.path.append(str(folder))
    try:
        result = run(
            tmp_path, f"import {name}, csv\nprint('{name}' in csv.list_dialects())"
        )
    finally:
        sys.path.remove(str(folder))
    assert result.text == "True\n"


def test_all_that_is_refused_can_be_looked_up_by_its_name() -> None:
    for module, names in GUARDED.items():
        for name in names:
            assert f"{module}.{name}" in PROCESS_CALLS
    for name in ("multiprocessing.Pool", "signal.sigwait", "matplotlib.pyplot.plot"):
        assert PROCESS_CALLS[name]


def test_other_processes_can_be_changed(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        import os, resource, signal, subprocess
        with subprocess.Popen(["/bin/sleep", "60"]) as child:
            os.kill(os.getpid(), 0)
            os.setpriority(os.PRIO_PROCESS, child.pid, 1)
            os.sched_setaffinity(child.pid, os.sched_getaffinity(0))
            resource.prlimit(child.pid, resource.RLIMIT_CORE, (0, 0))
            os.kill(child.pid, signal.SIGTERM)
        print(child.returncode)
        """,
    )
    assert result.failure is None
    assert result.text == "-15\n"


def test_outside_of_a_run_nothing_is_refused() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
    assert os.nice(0) == os.nice(0)
    time.tzset()
    assert locale.setlocale(locale.LC_ALL, locale.setlocale(locale.LC_ALL))


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param("mock.patch('json.dumps')", id="function"),
        pytest.param("mock.patch.object(json, 'dumps')", id="object"),
        pytest.param("mock.patch('json.JSONEncoder.default')", id="class"),
        pytest.param("mock.patch.multiple(json, dumps=1)", id="multiple"),
    ],
)
def test_patching_what_others_share_is_refused(tmp_path: Path, patch: str) -> None:
    before = dict(vars(json)), dict(vars(json.JSONEncoder))
    source = f"import json\nfrom unittest import mock\nwith {patch}: pass"
    with stand_ins():
        failure = run_file(save(tmp_path / "script.py", source)).failure
    assert failure is not None
    assert "unittest.mock._patch.__enter__() needs a process of its own" in failure
    after = dict(vars(json)), dict(vars(json.JSONEncoder))
    assert after == before


def test_what_is_the_scripts_own_can_be_patched(tmp_path: Path) -> None:
    source = """
        import os, sys, local_a
        from unittest import mock
        class Thing: value = 1
        thing = Thing()
        with mock.patch.object(Thing, "value", 2), mock.patch.object(thing, "own", 3,
                create=True), mock.patch("local_a.value", 4), mock.patch(
                "__main__.thing", 5), mock.patch.dict("os.environ", {"A": "6"}):
            print(Thing.value, local_a.value, thing, os.environ["A"])
        print(Thing.value, vars(thing), local_a.value, "A" in os.environ)
        with mock.patch("sys.argv", ["mine"]), mock.patch("sys.stdout") as output:
            print(sys.argv)
        print(output.method_calls[0], len(sys.argv))
        @mock.patch("local_a.value")
        def decorated(value): return local_a.value is value
        print(decorated())
        """
    assert_same(tmp_path, {"script.py": source, "local_a.py": "value = 1"})
