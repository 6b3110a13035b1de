"""How runs end: what reaches the client, what the error log, and what goes on."""

import contextlib
import http.client
import signal
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.live import PATIENCE
from tests.live_site import EMPTY, Site, start_site

HEAD = 'print("Content-Type: text/plain\\n")\n'

# The same scripts twice; who comes next has all the time that the one before leaves.
LIMITED = "threads: 1\n" + EMPTY.replace(
    "scripts: [",
    "scripts: [{url: /limited/, path: cgi-bin, runner: thread, timeout: 300ms}, ",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One empty site for all tests that do not end it."""
    with start_site(tmp_path_factory.mktemp("ends"), EMPTY) as site:
        yield site


@pytest.mark.parametrize(
    ("source", "status", "body", "logged"),
    [
        pytest.param(HEAD + "print('a'); exit()", 200, b"a\n", "", id="exit()"),
        pytest.param(HEAD + "import sys; sys.exit()", 200, b"", "", id="no code"),
        pytest.param(HEAD + "import sys; sys.exit(0)", 200, b"", "", id="0"),
        pytest.param(HEAD + "import sys; sys.exit(3)", 200, b"", "", id="3"),
        pytest.param(HEAD + "raise SystemExit", 200, b"", "", id="raised"),
        pytest.param(
            HEAD + "import sys; sys.exit('sorry')",
            200,
            b"",
            r"\] sorry$",
            id="a message",
        ),
        pytest.param(
            "import sys; sys.exit('early')", 500, None, "early", id="no header"
        ),
        pytest.param(
            HEAD + "print('part'); raise KeyError('missing')",
            *(200, b"part\n", r"\] KeyError: 'missing'$"),
            id="exception after output",
        ),
        pytest.param("raise KeyError('x')", 500, None, "KeyError: 'x'", id="exception"),
        pytest.param("print(", 500, None, "SyntaxError", id="syntax error"),
        pytest.param(
            HEAD + "import os, sys; sys.stdout.flush(); print('lost'); os._exit(0)",
            *(200, b"", ""),
            id="os._exit after a flush",
        ),
        pytest.param(
            HEAD + "import os; os._exit(0)",
            *(500, None, "end of script output before headers"),
            id="os._exit before a flush",
        ),
        pytest.param(
            HEAD + "import threading, time\n"
            "def work():\n    time.sleep(0.1); print('from a thread')\n"
            "threading.Thread(target=work).start()\nprint('main is over')\n",
            *(200, b"main is over\nfrom a thread\n", ""),
            id="a thread in the background is joined",
        ),
        pytest.param(
            HEAD + "import os, sys, threading, time; sys.stdout.flush()\n"
            "print('lost'); threading.Thread(target=os._exit, args=(3,)).start()\n"
            "try: time.sleep(600)\nexcept Exception: print('never', flush=True)",
            *(200, b"", "exit code 3"),
            id="os._exit in a thread",
        ),
        pytest.param(
            HEAD + "import os; os.abort()",
            *(500, None, "killed by signal 6"),
            id="os.abort",
        ),
        pytest.param(
            HEAD + "import os, sys; sys.stdout.flush(); os.kill(os.getpid(), 9)",
            *(200, b"", "killed by signal 9"),
            id="os.kill of itself after a flush",
        ),
        pytest.param(
            HEAD + "import signal, sys, time; print('kept')\n"
            "signal.signal(signal.SIGALRM, lambda *_: sys.exit('too slow'))\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(600)",
            *(200, b"kept\n", r"\] too slow$"),
            id="an alarm",
        ),
        pytest.param(
            HEAD + "import sys; sys.setrecursionlimit(10**6)\n"
            "class A:\n    def __lt__(self, other): return sorted([self, other])\n"
            "A() < A()",
            *(200, b"", "RecursionError"),
            id="runaway recursion",
        ),
        pytest.param(
            HEAD + "import os, signal; os.kill(os.getppid(), signal.SIGHUP)",
            *(200, b"", "ProcessNeededError"),
            id="a signal for the supervisor",
        ),
        pytest.param(
            HEAD + "import asyncio\nasync def f(): print('async')\n"
            "asyncio.get_event_loop().run_until_complete(f())",
            *(200, b"async\n", ""),
            id="the old idiom of asyncio",
        ),
        pytest.param(
            HEAD + "import atexit; atexit.register(print, 'bye'); print('main')",
            *(200, b"main\nbye\n", ""),
            id="atexit",
        ),
        pytest.param(
            "import sys; sys.stderr = sys.stdout\n" + HEAD + "1/0",
            *(200, None, ""),
            id="traceback in the page, as the script wants",
        ),
    ],
)
def test_end_of_a_script(
    site: Site, source: str, status: int, body: bytes | None, logged: str
) -> None:
    site.write("end.py", source)
    reply = site.ask("/cgi-bin/end.py")
    assert reply.status == status
    if body is not None:
        assert reply.body == body
    elif status == 200:
        assert b"ZeroDivisionError" in reply.body
    if logged:
        site.wait_for_log(f"(?m){logged}")


def test_standard_error_is_tagged_with_site_script_and_run(site: Site) -> None:
    site.write(
        "complain.py",
        """\
        import os, sys
        print("first", file=sys.stderr)
        print("Content-Type: text/plain\\n")
        print(os.environ["UNIQUE_ID"])
        sys.stderr.write("no line end")
        """,
    )
    run_id = site.ask("/cgi-bin/complain.py").body.decode().strip()
    tag = rf"\[error\] \[\d+\] \[\* /cgi-bin/complain\.py {run_id}\]"
    site.wait_for_log(rf"(?m)^\S+ \S+ \S+ {tag} first$")
    site.wait_for_log(rf"(?m)^\S+ \S+ \S+ {tag} no line end$")


def test_standard_error_cannot_forge_a_line(site: Site) -> None:
    site.write(
        "forge.py",
        """\
        import sys
        forged = "2026-01-01 00:00:00.000 +0000 [error] [1] forged"
        sys.stderr.write(f"a\\n{forged}\\r{forged}\\x0b{forged}\\u2028{forged}\\x1b[2Jz\\n")
        print("Content-Type: text/plain\\n")
        """,
    )
    assert site.ask("/cgi-bin/forge.py").status == 200
    site.wait_for_log(r"\[2Jz")
    lines = site.server.stderr.text.splitlines()
    forged = [line for line in lines if "forged" in line]
    assert len(forged) == 1
    assert "/cgi-bin/forge.py" in forged[0].partition("forged")[0]
    assert "\x1b" not in forged[0]


def test_a_script_whose_client_left_sees_a_broken_pipe(site: Site) -> None:
    site.write(
        "stream.py",
        """\
        import sys, time
        print("Content-Type: text/plain\\n", flush=True)
        try:
            for _ in range(2000):
                print("x" * 1000, flush=True)
                time.sleep(0.005)
        except BrokenPipeError as exc:
            print("left:", repr(exc), file=sys.stderr)
        finally:
            print("run is over", file=sys.stderr)
        """,
    )
    with site.open() as client:
        client.send("/cgi-bin/stream.py")
        assert client.begin().status == 200
        # Reset, not closed: what only closes its side may still read.
        linger = struct.pack("ii", 1, 0)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    site.wait_for_log(r"stream\.py \w+\] left: BrokenPipeError")
    site.wait_for_log(r"stream\.py \w+\] run is over")


def test_a_script_whose_output_is_not_wanted_goes_on(site: Site) -> None:
    site.write(
        "worker.py",
        """\
        import sys, time
        from pathlib import Path
        print("Location: /cgi-bin/done.py\\n", flush=True)
        while not Path("go").exists():
            time.sleep(0.01)
        for _ in range(100):
            print("x" * 8192)
        print("all done", file=sys.stderr)
        """,
    )
    site.write("done.py", HEAD + "print('redirected')")
    reply = site.ask("/cgi-bin/worker.py", method="POST", body=b"x")
    assert reply.body == b"redirected\n"
    (site.folder / "cgi-bin/go").touch()
    site.wait_for_log(r"worker\.py \w+\] all done")


def test_content_stays_open_for_a_script_that_was_answered_early(site: Site) -> None:
    site.write(
        "late.py",
        """\
        import sys, time
        from pathlib import Path
        print("Location: /missing\\n", flush=True)
        while not Path("read").exists():
            time.sleep(0.01)
        print("read", len(sys.stdin.read()), file=sys.stderr)
        """,
    )
    body = b"x" * 1_000_000  # too much for memory, so that it has a descriptor
    assert site.ask("/cgi-bin/late.py", method="POST", body=body).status == 404
    (site.folder / "cgi-bin/read").touch()
    site.wait_for_log(r"late\.py \w+\] read 1000000")


@pytest.mark.parametrize(
    ("waiting", "logged"),
    [
        ("time.sleep(600)", "RunInterrupted"),
        ("queue.Queue().get()", "RunInterrupted"),
        ("asyncio.run(asyncio.sleep(600))", "RunInterrupted"),
        ("subprocess.call(['/bin/sleep', '600'])", "RunInterrupted"),
        (
            "signal.signal(15, lambda *_: sys.exit('cleaned up')); time.sleep(600)",
            "cleaned up",
        ),
    ],
)
def test_whatever_waits_is_ended_at_its_time_limit(
    tmp_path: Path, waiting: str, logged: str
) -> None:
    with start_site(tmp_path, LIMITED) as site:
        site.write(
            "wait.py",
            f"import asyncio, queue, signal, subprocess, sys, time\n{waiting}",
        )
        site.write("hello.py", HEAD + "print('hello')")
        assert site.ask("/limited/wait.py").status == 504
        site.wait_for_log(rf"wait\.py \w+\] .*{logged}")
        assert site.ask("/cgi-bin/hello.py").body == b"hello\n"
        assert "is stuck" not in site.server.stderr.text


def test_threads_that_a_script_leaves_behind_are_ended(site: Site) -> None:
    site.write(
        "leave.py",
        HEAD + "import os, queue, threading, time\n"
        "work = queue.Queue()\n"
        "for target in (work.get, time.sleep):\n"
        "    arguments = () if target == work.get else (600,)\n"
        "    threading.Thread(target=target, args=arguments, daemon=True).start()\n"
        "print(os.getpid())",
    )
    for _ in range(20):
        pid = int(site.ask("/cgi-bin/leave.py").body)

    def count() -> int:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))

    deadline = time.monotonic() + PATIENCE
    while count() >= 40:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stuck_script_is_given_up_and_its_thread_replaced(tmp_path: Path) -> None:
    with start_site(tmp_path, LIMITED) as site:
        site.write(
            "stuck.py",
            """\
            import time
            while True:
                try:
                    time.sleep(0.01)
                except BaseException:
                    pass
            """,
        )
        site.write("hello.py", HEAD + "print('hello')")
        assert site.ask("/limited/stuck.py").status == 504
        site.wait_for_log(r"stuck\.py \w+\] its thread is stuck")
        assert site.ask("/cgi-bin/hello.py").body == b"hello\n"


WAITING = """\
import sys, time
from pathlib import Path
print("{head}\\n", flush=True)
while not Path("go").exists():
    time.sleep(0.01)
Path("finished").touch()
print("finished")
"""


def test_a_running_script_may_finish_at_sigterm(tmp_path: Path) -> None:
    with start_site(tmp_path, EMPTY) as site:
        site.write("wait.py", WAITING.format(head="Content-Type: text/plain"))
        with site.open() as client:
            client.send("/cgi-bin/wait.py")
            response = client.begin()
            site.server.process.send_signal(signal.SIGTERM)
            site.wait_for_log("stopping")
            (tmp_path / "cgi-bin/go").touch()
            assert response.read() == b"finished\n"
        assert site.server.process.wait(PATIENCE) == 0


def test_a_script_behind_its_response_may_finish_at_sigterm(tmp_path: Path) -> None:
    with start_site(tmp_path, EMPTY) as site:
        site.write("wait.py", WAITING.format(head="Status: 204"))
        assert site.ask("/cgi-bin/wait.py").status == 204
        site.server.process.send_signal(signal.SIGTERM)
        site.wait_for_log("stopping")
        (tmp_path / "cgi-bin/go").touch()
        assert site.server.process.wait(PATIENCE) == 0
        assert (tmp_path / "cgi-bin/finished").exists()
        assert "BrokenPipe" not in site.server.stderr.text


def test_scripts_that_are_interrupted_while_they_log_do_not_stop_the_worker(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "noisy").mkdir()
    (tmp_path / "quick").mkdir()
    (tmp_path / "noisy" / "noisy.py").write_text(
        'import sys\nprint("Content-Type: text/plain\\n", flush=True)\n'
        'while True: sys.stderr.write("x\\n")\n'
    )
    (tmp_path / "quick" / "quick.py").write_text('print("A: b\\n\\nquick")\n')
    server = serve(
        "listen: ['127.0.0.1:0']\n"
        "log: {error: {path: error.log}}\n"
        "sites: [{docroot: htdocs,"
        " scripts: [{url: /noisy/, path: noisy, timeout: 300ms},"
        " {url: /quick/, path: quick}]}]\n"
    )

    def ask(_: int) -> None:
        with contextlib.suppress(http.client.HTTPException, OSError):
            server.request("/noisy/noisy.py")

    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(4)))
        assert server.request("/quick/quick.py").text == "quick\n"
