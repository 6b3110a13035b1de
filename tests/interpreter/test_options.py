"""A script's shebang and PYTHON* variables do what they do for an interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interpreter.script_runs import run_file, save, stand_ins

# What a script can see of its options.
REPORT = """
import sys
print(sys.stdout.write_through, sys.stdout.line_buffering, type(sys.stdin.buffer))
# Before Python 3.9, only a terminal's was buffered by line.
print(sys.stderr.write_through, sys.version_info < (3, 9) or sys.stderr.line_buffering)
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.encoding, stream.errors, hasattr(stream.buffer, "raw"))
print(sys.warnoptions)
flags = sys.flags
print(flags.optimize, flags.ignore_environment, flags.bytes_warning, flags[:4])
print(flags.isolated, flags.dev_mode, flags.no_site, repr(flags)[:50], type(flags))
def function():
    "documentation"
    assert not function.__doc__, "asserted"
    return "optimized"
try:
    print(function(), function.__doc__)
except AssertionError as exc:
    print(exc)
import warnings
warnings.warn("a warning", DeprecationWarning)
"""


QUIET: list[type[Warning]] = [
    DeprecationWarning,
    PendingDeprecationWarning,
    ImportWarning,
    ResourceWarning,
]


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with warnings.catch_warnings():
        # Those of a plain interpreter, for runs begin with the filters of the process.
        warnings.resetwarnings()
        warnings.filterwarnings("default", "", DeprecationWarning, "__main__")
        for category in QUIET:
            warnings.simplefilter("ignore", category, append=True)
        with stand_ins():
            yield


def run_as_child(
    path: Path, options: list[str], environment: dict[str, str]
) -> tuple[str, list[str]]:
    # Without a locale of its own, Python chooses UTF-8 and surrogateescape, as we do.
    done = subprocess.run(
        [sys.executable, *options, str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        check=False,
    )
    return done.stdout.decode("utf-8"), done.stderr.decode("utf-8").splitlines()


@pytest.mark.parametrize(
    ("shebang", "options"),
    [
        pytest.param("/usr/bin/python3 -u", ["-u"], id="-u"),
        pytest.param("/usr/bin/python3 -O", ["-O"], id="-O"),
        pytest.param("/usr/bin/python3 -OO", ["-OO"], id="-OO"),
        pytest.param("/usr/bin/python3 -uO", ["-uO"], id="-uO"),
        pytest.param("/usr/bin/python3.11 -Wignore", ["-Wignore"], id="-Wignore"),
        pytest.param("/usr/bin/python3 -W error", ["-W error"], id="one word"),
        pytest.param("/usr/bin/python3 -X dev", ["-X dev"], id="-X as one word"),
        pytest.param("/usr/bin/python3 -u -O", ["-u -O"], id="two as one word"),
        pytest.param("/usr/bin/python3 -z", ["-z"], id="unknown"),
        pytest.param("/usr/bin/python3 --foo", ["--foo"], id="unknown and long"),
        pytest.param("/usr/bin/python3 -bBdqsSvEI", ["-bBdqsSEI"], id="accepted"),
        pytest.param("/usr/bin/python3 -t", ["-t"], id="old"),
        pytest.param("/usr/bin/env python3", [], id="env"),
        pytest.param("/usr/bin/python3 -bbdE", ["-bbdE"], id="counted"),
        pytest.param(
            "/usr/bin/env -S python3 -O -W error", ["-O", "-W", "error"], id="env -S"
        ),
        pytest.param(
            "/usr/bin/env -S python3 -u -Xdev -Wignore::UserWarning",
            ["-u", "-Xdev", "-Wignore::UserWarning"],
            id="development",
        ),
        pytest.param(
            "/usr/bin/env -S python3 --check-hash-based-pycs never -u --",
            ["-u"],
            id="long",
        ),
        pytest.param(
            "/usr/bin/env -S PYTHONOPTIMIZE=2 'python3' -W once",
            ["-OO", "-W", "once"],
            id="env sets a variable",
        ),
        pytest.param("/usr/bin/perl -u", [], id="no Python"),
        pytest.param(" \t/usr/bin/python3\t-u ", ["-u"], id="spaces"),
    ],
)
def test_a_shebang_is_heeded(tmp_path: Path, shebang: str, options: list[str]) -> None:
    path = save(tmp_path / "script.py", f"#!{shebang}\n{REPORT}")
    result = run_file(path)
    text, log = run_as_child(path, options, {})
    program = shebang.split()[0]
    log = [line.replace(sys.executable, program) for line in log]
    assert (result.text, result.log) == (text, log)


@pytest.mark.parametrize(
    ("shebang", "environment"),
    [
        pytest.param("", {"PYTHONUNBUFFERED": "1"}, id="unbuffered"),
        pytest.param("", {"PYTHONUNBUFFERED": ""}, id="not unbuffered"),
        pytest.param("", {"PYTHONIOENCODING": "latin-1"}, id="encoding"),
        pytest.param("", {"PYTHONIOENCODING": "cp1252:replace"}, id="errors, too"),
        pytest.param("", {"PYTHONIOENCODING": ":replace"}, id="errors alone"),
        pytest.param("", {"PYTHONIOENCODING": "UTF8:"}, id="no errors"),
        pytest.param("", {"PYTHONOPTIMIZE": "1"}, id="optimize"),
        pytest.param("", {"PYTHONOPTIMIZE": "2"}, id="optimize twice"),
        pytest.param("", {"PYTHONOPTIMIZE": "yes"}, id="optimize by a word"),
        pytest.param(
            "", {"PYTHONWARNINGS": "ignore,error::UserWarning"}, id="warnings"
        ),
        pytest.param("-Wignore", {"PYTHONWARNINGS": "error"}, id="both warnings"),
        pytest.param("-O", {"PYTHONOPTIMIZE": "2"}, id="both optimize"),
        pytest.param("", {"PYTHONDEVMODE": "1"}, id="development"),
        pytest.param("-E", {"PYTHONOPTIMIZE": "2"}, id="ignored"),
        pytest.param("-I", {"PYTHONUNBUFFERED": "2"}, id="isolated"),
        pytest.param("", {"PYTHONHASHSEED": "1", "PYTHONUTF8": "1"}, id="others"),
    ],
)
def test_variables_are_heeded(
    tmp_path: Path, shebang: str, environment: dict[str, str]
) -> None:
    path = save(tmp_path / "script.py", f"#!/usr/bin/python3 {shebang}\n{REPORT}")
    options = [shebang] if shebang else []
    result = run_file(path, environment=dict(environment))
    assert (result.text, result.log) == run_as_child(path, options, environment)


def test_unbuffered_output_is_written_at_once_and_whole(tmp_path: Path) -> None:
    path = save(
        tmp_path / "script.py",
        """\
        #!/usr/bin/python3 -u
        import array, sys
        print("a", end="")
        sys.stdout.buffer.write(b"b")
        sys.stdout.write("c\\n")
        sys.stdout.buffer.write(array.array("i", [0]))
        print("d" * 100_000)
        sys.stdout.close()
        try:
            sys.stdout.buffer.write(b"late")
        except ValueError:
            sys.exit(3)
        """,
    )
    result = run_file(path)
    assert result.writes[:3] == [b"a", b"b", b"c\n"]
    assert b"".join(result.writes[3:]) == b"\0" * 4 + b"d" * 100_000 + b"\n"
    assert result.exit_code == 3


def test_local_modules_are_optimized_like_their_script(tmp_path: Path) -> None:
    save(tmp_path / "helper.py", "#!/usr/bin/python3 -OO\n'doc'\nassert not __debug__")
    optimized = save(
        tmp_path / "a.py", "#!/bin/python -O\nimport helper\nprint(helper.__doc__)"
    )
    plain = save(tmp_path / "b.py", "import helper")
    for _ in range(2):
        assert run_file(optimized).text == "doc\n"
        assert "AssertionError" in str(run_file(plain).failure)


@pytest.mark.parametrize("option", ["-I", "-P"])
def test_a_safe_path_has_no_folder_of_the_script(tmp_path: Path, option: str) -> None:
    if option == "-P" and sys.version_info < (3, 11):
        pytest.skip("Python 3.11 has brought -P")
    save(tmp_path / "helper.py", "")
    path = save(tmp_path / "a.py", f"#!/usr/bin/python3 {option}\nimport helper")
    assert "No module named 'helper'" in str(run_file(path).failure)


def test_more_folders_are_searched(tmp_path: Path) -> None:
    save(tmp_path / "lib" / "helper.py", "x = 5")
    path = save(tmp_path / "a.py", "import helper, sys\nprint(helper.x, sys.path[:3])")
    folders = [str(tmp_path / "lib"), "/nothing"]
    environment = {"PYTHONPATH": os.pathsep.join(folders)}
    result = run_file(path, environment=environment)
    assert result.text == f"5 {[str(tmp_path), *folders]}\n"
    assert "helper" in str(run_file(path).failure)


def test_input_is_decoded_as_the_environment_says(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "print(ascii(input()))")
    environment = {"PYTHONIOENCODING": "latin-1"}
    assert run_file(path, environment=environment, stdin=b"\xe9").text == "'\\xe9'\n"


def test_an_unknown_encoding_keeps_a_script_from_starting(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "print(1)")
    result = run_file(path, environment={"PYTHONIOENCODING": "foo"})
    assert (result.text, result.exit_code) == ("", 1)
    assert result.log[-1] == "LookupError: unknown encoding: foo"


@pytest.mark.parametrize(
    "shebang",
    [
        pytest.param("#!/usr/bin/python3 -u\r", id="line end of Windows"),
        pytest.param("#!/usr/bin/env python3 -u", id="env without -S"),
        pytest.param("\ufeff#!/usr/bin/python3 -u", id="BOM"),
    ],
)
def test_what_the_kernel_would_not_find_is_tolerated(
    tmp_path: Path, shebang: str
) -> None:
    path = save(tmp_path / "a.py", f"{shebang}\nprint(1, end='')\nprint(2)")
    assert run_file(path).writes[0] == b"1"


@pytest.mark.parametrize("rest", ["", "-S", "-S 'python3", "-S python3 -W"])
def test_a_broken_env_line_changes_nothing(tmp_path: Path, rest: str) -> None:
    path = save(tmp_path / "a.py", f"#!/usr/bin/env {rest}\nprint(1)")
    result = run_file(path)
    if rest.endswith("-W"):
        assert result.log[0] == "Argument expected for the -W option"
        assert result.exit_code == 2
    else:
        assert result.text == "1\n"


@pytest.mark.parametrize("option", ["-m cgi", "-uc1"])
def test_what_runs_something_else_is_refused(tmp_path: Path, option: str) -> None:
    path = save(tmp_path / "a.py", f"#!/usr/bin/python3 {option}\nprint(1)")
    result = run_file(path)
    assert result.text == ""
    assert "ProcessNeededError" in str(result.failure)


def test_filters_of_one_run_make_no_errors_for_others(tmp_path: Path) -> None:
    save(tmp_path / "helper.py", "x = '\\d'")
    strict = save(tmp_path / "a.py", "#!/usr/bin/python3 -Werror\nimport helper")
    plain = save(tmp_path / "b.py", "import helper\nprint(helper.x)")
    run_file(strict)
    assert run_file(plain).text == "\\d\n"


def test_options_of_the_server_are_not_the_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    monkeypatch.setitem(sys._xoptions, "mine", True)
    source = "import sys; print(sys.warnoptions, sys._xoptions)"
    with stand_ins():
        for _ in range(2):
            more = "sys.warnoptions.append('x'); sys._xoptions['x'] = 1"
            result = run_file(save(tmp_path / "script.py", f"{source}; {more}"))
            assert result.text == "[] {}\n"
        assert sys.warnoptions == ["error"]
