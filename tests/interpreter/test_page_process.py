"""A page as a process that was warm before: what it writes, and its header section.

What pages do in threads and in processes alike is in tests/test_pages_live.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# What a pool's child does for a page.
RUN = """
import os, sys
path = list(sys.path[1:])
sys.path[:] = [sys.argv.pop(1), *path]
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.main_script import MainScript
from httpout_cgi.interpreter.page_settings import PageSettings
sys.path[:] = path
head = os.open("head", os.O_RDWR | os.O_CREAT | os.O_APPEND)
root, script, debug = sys.argv[1:]
settings = PageSettings(root, head, bool(debug))
with open("/dev/null", "w") as notes:
    code = MainScript(CodeCache()).run_page(script, (), notes.write, settings)
os._exit(code)
"""


class Outcome(NamedTuple):
    head: str
    body: str
    log: str
    code: int


def run(tmp_path: Path, source: str, debug: str = "", **files: str) -> Outcome:
    """Run a page in a folder below that of the pages."""
    folder = tmp_path / "deep"
    folder.mkdir()
    save(folder / "page.py", source)
    for name, text in files.items():
        save(tmp_path / f"{name}.py", text)
    measured = {name: os.environ[name] for name in os.environ if "COVERAGE" in name}
    command = [sys.executable, "-c", RUN, str(ROOT), str(tmp_path)]
    (tmp_path / "content").write_bytes(b"content")
    with open(tmp_path / "content", "rb") as content:
        done = subprocess.run(
            [*command, str(folder / "page.py"), debug],
            cwd=tmp_path,
            env={**measured, "LC_ALL": "C.UTF-8", "X_VARIABLE": "x"},
            stdin=content,
            capture_output=True,
            check=False,
            timeout=60,
        )
    head = (tmp_path / "head").read_text()
    return Outcome(head, done.stdout.decode(), done.stderr.decode(), done.returncode)


def save(path: Path, source: str) -> None:
    path.write_text(textwrap.dedent(source).lstrip("\n"), "utf-8")


def test_what_a_page_has(tmp_path: Path) -> None:
    source = """
        import importlib, json, os, sys
        import httpout, local
        from httpout import *
        from httpout import logger, modules, request, response
        print(json.loads(json.dumps(__server__))["X_VARIABLE"], local.seen)
        print(request.environ is __server__, modules is sys.modules, __globals__.name)
        print(httpout.__globals__ is __globals__, local.httpout is httpout)
        print(importlib.import_module("httpout").json is json, __globals__.run == run)
        print(sys.stdin.read(3), end=" ")
        print(wait(request.body()), sys.stdin.read(), sys.__stdout__ is sys.stdout)
        logger.info("told")
        try:
            import missing
        except ImportError as exc:
            print(exc.name)
        """
    local = """
        import __main__, httpout
        here = 1
        seen = httpout.here, wait == __main__.wait, __server__ is __main__.__server__
        """
    outcome = run(
        tmp_path,
        source,
        local=local,
        __globals__="from httpout import run\nname = __name__",
    )
    assert outcome.body.splitlines() == [
        "x (1, True, True)",
        "True True __globals__",
        "True False",
        "True True",
        "con b'content' tent True",
        "missing",
    ]
    assert outcome[0::2] == ("", "told\n")
    assert outcome.code == 0


HEADS = [
    pytest.param("print('a')", [], id="nothing"),
    pytest.param(
        "response.set_status(201)\nresponse.set_header('A', 'b')\nprint()",
        ["Status: 201 Created", "A: b", "Content-Type: text/html; charset=utf-8"],
        id="each change",
    ),
    pytest.param(
        "print()\ntry:\n    response.set_status(201)\nexcept RuntimeError:\n    pass",
        [],
        id="too late",
    ),
    pytest.param(
        "1 / 0",
        ["Status: 500 Internal Server Error", "Content-Type: text/html; charset=utf-8"],
        id="exception",
    ),
]


@pytest.mark.parametrize(("source", "last"), HEADS)
def test_the_header_section_is_told(
    tmp_path: Path, source: str, last: list[str]
) -> None:
    outcome = run(tmp_path, f"from httpout import response\n{source}")
    *_, told, end = ["", *outcome.head.split("\n\n")][-2:]
    assert told.splitlines() == last
    assert end == ""


CLOSED = """
import os
from httpout import response
number = int(sorted(os.listdir("/dev/fd"), key=int)[3])
os.closerange(3, 100)
{}
response.set_status(201)
"""


@pytest.mark.parametrize(
    "other", ["", "for _ in range(20): os.open('/dev/null', os.O_RDWR)"]
)
def test_a_head_is_not_written_to_a_file_of_the_script(
    tmp_path: Path, other: str
) -> None:
    outcome = run(tmp_path, CLOSED.format(other))
    assert "the descriptor for header sections (" in outcome.log
    assert outcome.head == ""


ENDS = [
    pytest.param("print('a')\nexit('text')", "a\ntext\n", 1, id="text"),
    pytest.param("exit(3)", "3\n", 3, id="number"),
    pytest.param("run(leave())", "left\n", 1, id="coroutine"),
    pytest.param("wait(fail())", "<ul><li>KeyError: 1</li></ul>\n", 1, id="wait"),
    pytest.param(
        "import threading, time, atexit\natexit.register(print, 'exit')\n"
        "def go():\n    time.sleep(0.05)\n    run(leave())\n"
        "threading.Thread(target=go).start()\nprint('script')",
        "script\nleft\nexit\n",
        0,
        id="thread",
    ),
    pytest.param("#!/usr/bin/python3 -u\nprint('ä', end='')", "ä", 0, id="options"),
    pytest.param("import sys\nsys.excepthook = print\n1 / 0", None, 1, id="hook"),
    pytest.param("import os\nos.close(1)\nprint('a')", "", 1, id="closed"),
]


@pytest.mark.parametrize(("source", "body", "code"), ENDS)
def test_ends_of_pages(
    tmp_path: Path, source: str, body: str | None, code: int
) -> None:
    functions = (
        "\nasync def leave():\n    exit('left')\n"
        "async def fail():\n    raise KeyError(1)"
    )
    first, _, rest = source.partition("\n") if source[0] == "#" else ("", "", source)
    outcome = run(tmp_path, f"{first}{functions}\n{rest}")
    if body is not None:
        assert outcome.body == body
    assert outcome.code == code, outcome


def test_no_frame_of_ours_is_shown(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import asyncio, broken", debug="1", broken="1 / 0")
    assert "ZeroDivisionError" in outcome.body
    for text in (outcome.body, outcome.log):
        assert "httpout_cgi" not in text, text


def test_a_signal_that_ends_wait_ends_its_coroutine(tmp_path: Path) -> None:
    source = """
        import asyncio, signal

        async def stay():
            # Again and again: CPython may miss one, in a thread that is about to wait.
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            try:
                await asyncio.sleep(1000)
            finally:
                print("cancelled")

        def ring(*_):
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise TimeoutError

        signal.signal(signal.SIGALRM, ring)
        try:
            wait(stay())
        except TimeoutError:
            wait(asyncio.sleep(0))
            print("rang")
        """
    assert run(tmp_path, source).body == "cancelled\nrang\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("from httpout import app", "ImportError: httpout.app: there is none for a pa"),
        ("open('missing')", "FileNotFoundError: "),
        ("exit()", "SystemExit"),
    ],
)
def test_no_page_runs_if_its_globals_have_failed(
    tmp_path: Path, line: str, reason: str
) -> None:
    outcome = run(tmp_path, "print('secret')", __globals__=line)
    said = outcome.body.replace("&#x27;", "'")
    text = f"<ul><li>GlobalsError: __globals__.py has failed: {reason}"
    assert said.startswith(text)
    assert "secret" not in said
    assert outcome.head.splitlines()[0] == "Status: 500 Internal Server Error"
    assert "__globals__.py has failed: no page runs until it is mended" in outcome.log


@pytest.mark.parametrize("end", ["exit()", "os._exit(0)"])
def test_a_child_does_not_wait_for_the_coroutines_of_the_page(
    tmp_path: Path, end: str
) -> None:
    source = f"""
        import asyncio, os, warnings
        warnings.simplefilter("ignore")  # Python 3.12: there are threads

        async def tell(text, seconds):
            await asyncio.sleep(seconds)
            print(text)

        task = run(tell("page", 0.1))
        child = os.fork()
        if not child:
            wait(tell("child", 0.01))
            {end}
        os.waitpid(child, 0)
        task.result()
        """
    assert run(tmp_path, source).body == "child\npage\n"


def test_output_that_does_not_block_is_complete(tmp_path: Path) -> None:
    source = "import os\nos.set_blocking(1, False)\nprint('x' * 3_000_000)"
    assert len(run(tmp_path, source).body) == 3_000_001


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    source = """
        import os
        print("here", flush=True)
        ends = os.pipe()
        os.dup2(ends[1], 1)
        os.close(ends[0])
        os.close(ends[1])
        print("nowhere")
        """
    assert run(tmp_path, source) == Outcome("", "here\n", "", 1)


TERM = """
import asyncio, os, signal, threading

async def serve():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(100)
    finally:
        await asyncio.sleep(0.05)
        print("end")

"""


@pytest.mark.parametrize(
    ("source", "body", "code"),
    [
        pytest.param("run(serve())", "end\n", -signal.SIGTERM, id="run"),
        pytest.param("wait(serve())", "end\n", -signal.SIGTERM, id="wait"),
        pytest.param("os.kill(os.getpid(), 15)", "", -signal.SIGTERM, id="none"),
        pytest.param(
            "thread = threading.Thread(target=run, args=[asyncio.sleep(0)])\n"
            "thread.start()\nthread.join()\nos.kill(os.getpid(), 15)",
            "",
            -signal.SIGTERM,
            id="loop begun in a thread",
        ),
        pytest.param(
            "done = threading.Event()\n"
            "signal.signal(signal.SIGTERM, lambda *_: print('script') or os._exit(7))\n"
            "run(serve())",
            "script\n",
            7,
            id="the script's own handler",
        ),
    ],
)
def test_sigterm_ends_coroutines_first(
    tmp_path: Path, source: str, body: str, code: int
) -> None:
    outcome = run(tmp_path, TERM + source)
    assert (outcome.body, outcome.code) == (body, code), outcome.log
