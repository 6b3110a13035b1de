"""What legacy scripts do, each in a process of its own: what a CGI child does.

The rows are those of test_idioms.py, and what test_idioms_refused.py says that a thread
refuses.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.idiom_plays import play_live
from tests.idiom_stage import Outcome, Stage, set_stage
from tests.idioms import Row
from tests.live_site import Site, start_site
from tests.test_idioms import ROWS, find_differences, find_errors
from tests.test_idioms_refused import IMPORTS, REFUSED

PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()

# Of a child that a signal has killed, before it had a header section, Apache says 500.
# We say that it was not the script's answer.
KILLED = {
    *("D05_kinds ?interrupt", "D20_abort", "D20_kill", "D20_terminate"),
}

# Rows in which a process differs, for the reason given.
OTHER = {
    "F27_probe": "what a pool has imported is none of the collector's business",
    "F26_endless": "it ends itself by a segmentation fault, as any process would",
    "D22_uncaught": "a process that lost its reader gets TERM, as under Apache",
    "B19_events": "as above: TERM may come before it sees EPIPE",
    "D22_disconnect": "as above",
    "B22_close": "the pool holds the output open until the process has ended",
    "B23_close_1": "as above",
    "B23_dup2": "as above",
}

# What is not as it should be yet.
MISSING = {
    "D01_in_atexit": "a frame of ours is in the report",
}

LIMITS = "pools: {limits: {memory: null, cpu: null, processes: null}}\n"


def make_parameter(row: Row) -> ParameterSet:
    reason = MISSING.get(row.name, "")
    missing = pytest.mark.xfail(strict=True, reason=reason)
    return pytest.param(row, marks=missing if reason else (), id=row.name)


SAME = [row for row in ROWS if row.name not in OTHER]
COMPARED = [make_parameter(row) for row in SAME if not (row.alone or row.story)]
ALONE = [make_parameter(row) for row in SAME if row.alone and not row.story]
TOLD = [make_parameter(row) for row in SAME if row.story]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with set_stage(folder, LIMITS, runner="process") as stage:
        yield stage


@pytest.mark.parametrize("row", COMPARED)
def test_a_process_gives_what_a_child_gives(stage: Stage, row: Row) -> None:
    childs = stage.perform_child(row)
    wanted = "" if row.name in KILLED else find_errors(row, childs)
    ours, log = stage.perform_live(row, wanted)
    if row.name in KILLED:
        assert ours.status == 502, log
        assert "killed by signal" in log
        return
    if not row.better:
        assert ours.status == row.status, log
    if row.better:
        return
    assert row.expect in ours.body
    assert row.log in log
    differences = find_differences(row, ours, childs)
    assert not differences, f"{log}\n{differences}"


@pytest.mark.parametrize("row", ALONE)
def test_a_process_gives_what_no_child_is_compared_with(stage: Stage, row: Row) -> None:
    ours, log = stage.perform_live(row)
    assert ours.status == row.status, log
    assert row.expect in ours.body


@pytest.mark.parametrize("row", TOLD)
def test_a_process_goes_through_the_story(stage: Stage, row: Row) -> None:
    assert row.story is not None
    with play_live(stage, row) as live:
        row.story(live)


# Those that would end the pool's, or the test's, own processes.
_NOT_HERE = ("F28", "F28 group", "F28 all")
PROCESS_ONLY = [row for row in REFUSED if row[0] not in _NOT_HERE]

HEAD = 'print("Content-Type: text/plain\\n", flush=True)\n'
# What has changed by it, in all the processes that there are now.
PROBE = """
import tempfile
print(time.tzname, resource.getrlimit(resource.RLIMIT_CPU), os.nice(0),
    resource.getrlimit(resource.RLIMIT_AS), os.sched_getaffinity(0), os.getuid(),
    os.getgid(), locale.localeconv(), gettext.textdomain(), tempfile.tempdir,
    socket.getdefaulttimeout(), type(urllib.request._opener), csv.field_size_limit(),
    csv.list_dialects(), mimetypes.guess_type("a.mine"), os.getcwd())
"""


@pytest.mark.parametrize(
    ("name", "source"),
    [(name, source) for name, _, source in PROCESS_ONLY],
    ids=[name for name, _, _ in PROCESS_ONLY],
)
def test_a_process_gives_what_a_thread_refuses(
    stage: Stage, name: str, source: str
) -> None:
    row = Row(re.sub(r"\W", "_", f"only {name}") + ".py")
    # The time would not be the same.
    source = source.replace("date", "pwd")
    stage.add(row.script, f"{IMPORTS}{HEAD}{source}\n{PROBE}")

    childs = stage.perform_child(row)
    ours, log = stage.perform_live(row, childs.errors)

    differences = find_differences(row, sort(ours), sort(childs))
    assert not differences, f"{log}\n{differences}"
    assert ours.status == 200


def sort(outcome: Outcome) -> Outcome:
    """Sort the lines: some come from several processes at a time."""
    lines = b"\n".join(sorted(outcome.body.split(b"\n")))
    return Outcome(
        outcome.status, outcome.reason, outcome.fields, lines, outcome.errors
    )


PROGRAMS = """\
listen: ["127.0.0.1:0"]
sites:
  - docroot: htdocs
    scripts:
      - {url: /cgi-bin/, path: cgi-bin, match: ["*"]}
      - {url: /forced/, path: cgi-bin, match: ["*"], runner: process}
      - {url: /limited/, path: cgi-bin, match: ["*"], timeout: 500ms}
      - {url: /named/, path: cgi-bin, match: ["*.cgi"]}
      - {url: /one, file: cgi-bin/one-program}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("programs")
    (folder / "cgi-bin").mkdir()
    write(folder / "cgi-bin/one-program", "#!/bin/sh\necho 'A: b'; echo; echo $0")
    with start_site(folder, PROGRAMS) as site:
        yield site


def write(path: Path, source: str, mode: int = 0o755) -> None:
    path.write_text(source)
    path.chmod(mode)


NEEDS_COMPILER = pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler")
NEEDS_PERL = pytest.mark.skipif(shutil.which("perl") is None, reason="no Perl")

SHELL = """\
#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
echo "$REQUEST_METHOD $1 $PATH_INFO"; cat
"""
PERL = """\
#!/usr/bin/env perl
print "Content-Type: text/plain\\n\\n$ENV{REQUEST_METHOD} $ARGV[0] $ENV{PATH_INFO}\\n";
print <STDIN>;
"""
PYTHON = """\
#!/usr/bin/env python3
import os, sys
print("Content-Type: text/plain\\n")
print(os.environ["REQUEST_METHOD"], *sys.argv[1:2], os.environ["PATH_INFO"])
print(sys.stdin.read(), end="")
"""


@pytest.mark.parametrize("mount", ["/cgi-bin/", "/forced/"])
@pytest.mark.parametrize(
    ("name", "source"),
    [
        pytest.param("shell.sh", SHELL, id="shell"),
        pytest.param("perl.pl", PERL, id="perl", marks=NEEDS_PERL),
        pytest.param("counter.cgi", PYTHON, id="python"),
        pytest.param("counter", PYTHON, id="python, no suffix"),
    ],
)
def test_programs_of_any_language_run(
    site: Site, mount: str, name: str, source: str
) -> None:
    write(site.folder / "cgi-bin" / name, source)
    words = site.ask(f"{mount}{name}/extra/path?word")
    assert (words.status, words.body) == (200, b"GET word /extra/path\n")
    content = site.ask(f"{mount}{name}/", method="POST", body=b"content")
    lines = content.body.split(b"\n")
    assert (lines[0].split(), lines[1]) == ([b"POST", b"/"], b"content")


@NEEDS_COMPILER
def test_a_compiled_program_runs(site: Site) -> None:
    source = site.folder / "program.c"
    source.write_text(
        "#include <stdio.h>\n#include <stdlib.h>\nint main(void) {"
        'printf("Status: 201 Made\\n\\n%s", getenv("REQUEST_METHOD")); return 3; }'
    )
    program = site.folder / "cgi-bin/program"
    subprocess.run(["cc", "-o", program, source], check=True)
    reply = site.ask("/cgi-bin/program")
    assert (reply.status, reply.reason, reply.body) == (201, "Made", b"GET")
    site.wait_for_log(r"/cgi-bin/program \w+\] exit code 3")


def find_python_2() -> str | None:
    """Return a Python 2 that works: there are names behind which there is none."""
    for name in (
        "python2.7",
        "python2",
        *map(str, PYENV.glob("versions/2.7*/bin/python")),
    ):
        python = shutil.which(name)
        if python is None:
            continue
        if subprocess.run([python, "-V"], capture_output=True).returncode == 0:
            return python
    return None


@pytest.mark.skipif(find_python_2() is None, reason="no Python 2")
def test_python_2_runs_by_its_shebang(site: Site) -> None:
    source = f'#!{find_python_2()}\nprint "A: b\\n\\n", 0777\n'
    write(site.folder / "cgi-bin/old.cgi", source)
    assert site.ask("/cgi-bin/old.cgi").body.strip() == b"511"


def test_one_file_of_any_name_runs(site: Site) -> None:
    reply = site.ask("/one/extra")
    path = site.folder / "cgi-bin/one-program"
    assert (reply.status, reply.body) == (200, f"{path}\n".encode())


@pytest.mark.parametrize(
    ("url", "source", "mode", "line"),
    [
        pytest.param(
            *("/named/no-bit.cgi", SHELL, 0o644),
            *(r"(?i:permission denied|run bit|not executable)",),
            id="no run bit",
        ),
        pytest.param(
            *("/cgi-bin/nobody.cgi", "#!/usr/bin/no-such-program -x\n", 0o755),
            *(r"/usr/bin/no-such-program",),
            id="no interpreter",
        ),
        pytest.param(
            *("/cgi-bin/text.cgi", "only text\n", 0o755),
            *(r"(?i:format)",),
            id="no shebang",
        ),
    ],
)
def test_what_cannot_run_is_one_clear_line(
    site: Site, url: str, source: str, mode: int, line: str
) -> None:
    name = url.rpartition("/")[2]
    write(site.folder / "cgi-bin" / name, source, mode)
    assert site.ask(url).status == 500
    found = site.wait_for_log(rf"\[error\].*{re.escape(name)} (\w+)\] .*({line})")
    site.wait_for_log(rf"{found[1]}\] 500: ")
    lines = re.findall(rf"\[error\].*{found[1]}\] (.*)", site.server.stderr.text)
    assert len(lines) == 2, "one that is clear, and one with the status"


def test_a_program_over_its_time_limit_is_ended(site: Site) -> None:
    write(site.folder / "cgi-bin/slow.sh", "#!/bin/sh\nexec sleep 60\n")
    assert site.ask("/limited/slow.sh").status == 504
    # Whoever of the worker and the pool comes first.
    site.wait_for_log("/limited/slow.sh .*over (its|the) time limit of 0.5 s")


RULES = [
    pytest.param("Status: 404 Gone away\n\nnone", 404, b"none", id="status"),
    pytest.param("Location: http://x.example/\n\n", 302, None, id="client redirect"),
    pytest.param("Location: /one\n\n", 200, None, id="local redirect"),
    pytest.param("Status: 304\n\n", 304, b"", id="304"),
    pytest.param("nonsense", 500, None, id="no header section"),
    pytest.param("", 500, None, id="nothing"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("output", "status", "body"), RULES)
def test_the_rules_of_cgi_hold(
    site: Site, output: str, status: int, body: bytes | None, method: str
) -> None:
    text = output.replace("\n", "\\n")
    write(site.folder / "cgi-bin/rule.sh", f"#!/bin/sh\nprintf '{text}'\n")
    reply = site.ask("/forced/rule.sh", method=method)
    assert reply.status == status
    if method == "HEAD":
        assert reply.body == b""
    elif body is not None:
        assert reply.body == body


def test_an_nph_program_writes_the_response_itself(site: Site) -> None:
    source = "#!/bin/sh\nprintf 'HTTP/1.1 299 Mine\\r\\nX-A: b\\r\\n\\r\\nown'\n"
    write(site.folder / "cgi-bin/nph-own.sh", source)
    with site.open() as client:
        client.send("/forced/nph-own.sh")
        assert client.receive_all() == b"HTTP/1.1 299 Mine\r\nX-A: b\r\n\r\nown"
