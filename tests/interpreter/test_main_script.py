"""A script as the __main__ of a process that was warm before: as if newly started.

Each script runs by ``sys.executable`` and here; output, log and exit status are equal.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple, Union

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# What a pool does before and after its fork, without the fork.
WARM = """
import atexit, os, sys
path = list(sys.path[1:])
sys.path[:] = [sys.argv.pop(1), *path]
from httpout_cgi.interpreter import main_script
from httpout_cgi.interpreter.code_cache import CodeCache
import configparser, email.message, email.utils, html, json, logging, random, traceback
sys.path[:] = path
sys.dont_write_bytecode = True
atexit._clear()
with open("/dev/null", "w") as notes:
    code = main_script.run_as_main(sys.argv[1], sys.argv[2:], CodeCache(), notes.write)
os._exit(code)
"""
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)}
TELLS_MORE = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="Python 3.13 tells of it at its shutdown"
)
# A program, or a folder of files; script.py runs.
Source = Union[str, Mapping[str, str]]


def run(
    command: Tuple[str, ...], folder: Path, variables: Mapping[str, str]
) -> Tuple[bytes, bytes, int]:
    done = subprocess.run(
        [*command, str(folder / "script.py"), "a", "b c"],
        cwd=folder,
        env={**ENVIRONMENT, **variables},
        input="text\r\nof ü".encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.stdout, done.stderr, done.returncode


def save(folder: Path, source: Source) -> None:
    files = {"script.py": source} if isinstance(source, str) else source
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")


def run_here(
    folder: Path, variables: Optional[Mapping[str, str]] = None
) -> Tuple[bytes, bytes, int]:
    measured = {name: os.environ[name] for name in os.environ if "COVERAGE" in name}
    command = (sys.executable, "-c", WARM, str(ROOT))
    return run(command, folder, {**measured, **(variables or {})})


def assert_same(
    folder: Path, source: Source, variables: Optional[Dict[str, str]] = None
) -> None:
    save(folder, source)
    here = run_here(folder, variables)
    assert not list(folder.rglob("*.pyc"))
    assert here == run((sys.executable,), folder, variables or {})


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("print('Hello')", id="hello"),
        pytest.param(
            """
            import sys
            print(sys.argv, sys.path[0], __name__, __file__, __spec__, __package__)
            print(__doc__, __builtins__, type(__loader__).__name__, sys.flags)
            print(sorted(set(globals()) - {"__annotations__", "__cached__"}))
            print(sys.executable, getattr(sys, "orig_argv", [])[1:])
            print(sys.modules["__main__"].__dict__ is globals(), sys.path)
            """,
            id="what it is",
        ),
        pytest.param(
            """
            import sys
            for stream in (sys.stdin, sys.stdout, sys.__stdout__):
                print(stream.name, stream.mode, stream.encoding, stream.line_buffering)
                print(stream.fileno(), stream.newlines, type(stream.buffer).__name__)
                print(stream.buffer.raw.name, stream.buffer.raw.mode, stream.isatty())
            print(sys.stderr.name, sys.stderr.mode, sys.stderr.errors)
            print(repr(sys.stdin.read()))
            print("\\udcff", file=sys.stderr)
            """,
            id="streams",
        ),
        pytest.param("raise ValueError('ü')", id="exception"),
        pytest.param("def f(\n  1", id="syntax error"),
        pytest.param("import sys; print(1); sys.exit(3)", id="exit code"),
        pytest.param("import sys; sys.exit(-1)", id="negative exit code"),
        pytest.param(
            "import sys; sys.exit(2 ** 70)",
            id="vast exit code",
            marks=TELLS_MORE,
        ),
        pytest.param("import sys; sys.exit(True)", id="exit with a truth"),
        pytest.param("import sys; sys.exit()", id="exit"),
        pytest.param("import sys; sys.exit('why')", id="exit message"),
        pytest.param("import sys; sys.stderr = None; sys.exit('why')", id="no stream"),
        pytest.param(
            """
            import sys
            class Mute:
                def __str__(self):
                    1 / 0
            sys.excepthook = lambda *_: None
            sys.exit(Mute())
            """,
            id="exit message that has no text",
            marks=TELLS_MORE,
        ),
        pytest.param(
            """
            import gc, threading
            def stop():
                raise ValueError(1)
            threading._shutdown = stop
            gc.disable()
            """,
            id="threads do not end",
        ),
        pytest.param("import sys; sys.modules.clear(); print(1)", id="no modules"),
        pytest.param("raise KeyboardInterrupt", id="interrupt"),
        pytest.param("class E(BaseException): pass\nraise E(1)", id="base exception"),
        pytest.param(
            """
            import sys
            sys.excepthook = lambda *found: print("hook", found[:2], sys.last_value)
            1 / 0
            """,
            id="excepthook",
        ),
        pytest.param(
            "import sys; sys.excepthook = lambda *_: sys.exit(4); 1 / 0",
            id="hook exits",
        ),
        pytest.param("import sys; del sys.excepthook; 1 / 0", id="no excepthook"),
        pytest.param(
            """
            import sys
            def hook(*_):
                raise KeyError("hook")
            sys.excepthook = hook
            1 / 0
            """,
            id="broken excepthook",
        ),
        pytest.param("import sys; sys.tracebacklimit = 0; 1 / 0", id="traceback limit"),
        pytest.param(
            """
            import atexit, threading, time
            atexit.register(print, "first")
            atexit.register(print, "second")
            threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
            print("main")
            """,
            id="threads and atexit",
        ),
        pytest.param(
            """
            import atexit
            class Callback:
                def __call__(self):
                    1 / 0
                def __repr__(self):
                    return "callback"
            atexit.register(Callback())
            """,
            id="atexit fails",
        ),
        pytest.param(
            """
            class Loud:
                def __init__(self, name):
                    self.name = name
                def __del__(self):
                    print("end of", self.name, helper())
            def helper():
                return __name__
            first, second = Loud("first"), Loud("second")
            ring = [Loud("ring")]
            ring.append(ring)
            file = open("/dev/stdout", "a")
            file.write("in a file\\n")
            """,
            id="objects end",
        ),
        pytest.param("import os; print(1); os._exit(5)", id="_exit"),
        pytest.param("import os; print(1, flush=True); os.abort()", id="abort"),
        pytest.param(
            """
            import os
            print("twice")
            if os.fork() == 0:
                print("child")
            else:
                print("parent", os.wait()[1])
            """,
            id="fork",
        ),
        pytest.param(
            "import sys, io; sys.stdout = io.TextIOWrapper(sys.stdout.detach());"
            "print(1)",
            id="detached",
        ),
        pytest.param("import sys; print(1); sys.stdout.close()", id="closed"),
        pytest.param("import os; print(1); os.close(1)", id="descriptor closed"),
        pytest.param("import sys; sys.stdout = None; print(1)", id="no stdout"),
        pytest.param(
            """
            import multiprocessing, sys
            def square(number):
                return number ** 2
            if __name__ == "__main__":
                for way in ("fork", "spawn"):
                    with multiprocessing.get_context(way).Pool(1) as pool:
                        print(way, pool.map(square, range(3)))
            """,
            id="multiprocessing",
        ),
        pytest.param(
            """
            import pickle, dataclasses
            @dataclasses.dataclass
            class Item:
                value: int
            print(pickle.loads(pickle.dumps(Item(2))), Item.__module__)
            """,
            id="pickle",
        ),
        pytest.param(
            """
            import signal
            print([signal.getsignal(number) for number in (2, 13, 15, 17, 25)])
            """,
            id="signal handlers",
        ),
        pytest.param("import sys, missing_module", id="import fails"),
    ],
)
def test_a_script_is_what_it_is_in_a_new_interpreter(
    tmp_path: Path, source: str
) -> None:
    assert_same(tmp_path, source)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            {
                "script.py": "import helper, package.part as it\nprint(helper, it.x)",
                "helper.py": "name = __name__, __file__",
                "package/__init__.py": "",
                "package/part.py": "from .other import x",
                "package/other.py": "x = __name__",
            },
            id="modules",
        ),
        pytest.param(
            {
                "script.py": "import email, html, json.decoder\n"
                "print(email, html.escape('<'), json, json.decoder.x)",
                "email.py": "x = 1",
                "json/__init__.py": "",
                "json/decoder.py": "x = 2",
                "html/index.html": "data",
            },
            id="they shadow the standard library",
        ),
        pytest.param(
            {"script.py": "import os, sys\nprint(os.sep)", "os.py": "1 / 0"},
            id="but not what CPython has imported itself",
        ),
        pytest.param(
            {
                "script.py": "import sys\nsys.path.insert(0, sys.path[0] + '/lib')\n"
                "import one",
                "lib/one.py": "import two",
                "lib/two.py": "def f():\n    raise ValueError(1)\nf()",
            },
            id="an import raises",
        ),
        pytest.param(
            {"script.py": "import one", "one.py": "import two", "two.py": "1 +"},
            id="syntax error in an import",
        ),
        pytest.param(
            {"script.py": "import one", "one.py": "import two", "two.py": "'\\0'\0"},
            id="an import with NUL",
        ),
        pytest.param(
            {
                "script.py": "import one\nprint(one)",
                "one.py": "class A:\n    def __del__(self):\n"
                "        print('end', __name__)\na = A()",
            },
            id="objects of modules end",
        ),
    ],
)
def test_local_modules_are_what_they_are(
    tmp_path: Path, source: Dict[str, str]
) -> None:
    assert_same(tmp_path, source)


OPTIONS = """
import sys, warnings, one
print(sys.flags, sys.warnoptions, sys.path, sys.stdin.encoding, sys.stdout.errors)
print(type(sys.stdout.buffer).__name__, sys.stdout.write_through)
print(sys.stderr.encoding, sys.stderr.errors)
assert False
"""


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"PYTHONUNBUFFERED": "1"}, id="unbuffered"),
        pytest.param({"PYTHONIOENCODING": "latin-1:replace"}, id="encoding"),
        pytest.param({"PYTHONIOENCODING": ":strict"}, id="errors"),
        pytest.param({"PYTHONOPTIMIZE": "2"}, id="optimize"),
        pytest.param({"PYTHONPATH": "/one:/two"}, id="path"),
        pytest.param({"PYTHONWARNINGS": "error::UserWarning"}, id="warnings"),
    ],
)
def test_variables_are_heeded(tmp_path: Path, variables: Dict[str, str]) -> None:
    source = {"script.py": OPTIONS, "one.py": "print(__doc__)\nassert 1 + 1 == 3"}
    assert_same(tmp_path, source, variables)


@pytest.mark.parametrize(
    "options",
    ["-u", "-O", "-Wignore", "-I", "-E", "-Z", "-c 1", "-m this"],
)
def test_options_of_the_shebang_are_heeded(tmp_path: Path, options: str) -> None:
    save(tmp_path, f"#!{sys.executable} {options}\n{OPTIONS.replace(', one', '')}")
    (tmp_path / "script.py").chmod(0o755)
    variables = {"PYTHONUNBUFFERED": "1"}
    by_kernel = run(("/usr/bin/env",), tmp_path, variables)
    assert run_here(tmp_path, variables) == by_kernel


def test_a_missing_script_is_told_of(tmp_path: Path) -> None:
    here, there = run_here(tmp_path), run((sys.executable,), tmp_path, {})
    assert here == there


def test_a_last_message_without_standard_error_harms_nobody(tmp_path: Path) -> None:
    save(tmp_path, "import sys; print(1); sys.stderr.close(); sys.exit('why')")
    assert run_here(tmp_path) == (b"1\n", b"", 1)


def test_output_that_cannot_be_flushed_is_an_exit_code_of_its_own(
    tmp_path: Path,
) -> None:
    source = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print(1)"
    save(tmp_path, source)
    _, here, code = run_here(tmp_path)
    _, there, expected = run((sys.executable,), tmp_path, {})
    assert code == expected == 120
    assert here.splitlines()[1:] == there.splitlines()[1:]  # Python 3.13 words it anew


def test_the_path_of_a_link_is_that_of_its_target(tmp_path: Path) -> None:
    save(tmp_path, {"real/one.py": "print('one')", "real/script.py": "import one"})
    (tmp_path / "script.py").symlink_to("real/script.py")
    assert run_here(tmp_path) == (b"one\n", b"", 0)


@pytest.mark.parametrize("shared", [None, ".", ".."], ids=["", "same", "around"])
def test_code_of_modules_is_of_now_whatever_lies_beside_them(
    tmp_path: Path, shared: Optional[str]
) -> None:
    # As it is if the server was started in that folder, by "python -m".
    variables = {"PYTHONPATH": str((tmp_path / shared).resolve())} if shared else {}
    save(tmp_path, {"script.py": "import one", "one.py": "print(1)"})
    run((sys.executable,), tmp_path, {})
    status = (tmp_path / "one.py").stat()
    assert list(tmp_path.rglob("*.pyc"))
    save(tmp_path, {"one.py": "print(2)"})
    os.utime(tmp_path / "one.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run_here(tmp_path, variables) == (b"2\n", b"", 0)
