"""Children of a run have its streams, environment and folder, and end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from httpout_cgi.interpreter import children, run_streams
from httpout_cgi.interpreter.run_context import RunContext

from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import Result, run_file, save, stand_ins

Run = Callable[..., Result]

HEAD = "import os, signal, subprocess, sys\n"
PATH = {"PATH": os.environ["PATH"]}

# Some scripts drop a Popen that is alive, as in CPython with the same warning.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def run_source(
        source: str,
        stdin: bytes | None = None,
        *,
        inspect: Callable[[RunContext], object] | None = None,
    ) -> Result:
        path = save(tmp_path / "script.py", HEAD + source)
        environment = {**PATH, "NAME": "é"}
        result = run_file(path, environment=environment, stdin=stdin, inspect=inspect)
        assert result.failure is None, result.failure
        return result

    with stand_ins():
        before = set(os.listdir("/proc/self/fd"))
        yield run_source
        until(lambda: children.reap() == 0)
        # asyncio has threads that wait for children.
        until(lambda: run_streams.reclaim() == 0)
        assert set(os.listdir("/proc/self/fd")) == before


def until(condition: Callable[[], object]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("subprocess.run(['echo', 'a'])", "a\n", id="run"),
        pytest.param("subprocess.call('echo a', shell=True)", "a\n", id="call"),
        pytest.param("os.system('echo a')", "a\n", id="system"),
        pytest.param("os.system(b'echo a')", "a\n", id="system, bytes"),
        pytest.param(
            "print('late')\nos.system('echo early')", "early\nlate\n", id="no flush"
        ),
        pytest.param(
            "print(1, flush=True)\nos.system('echo 2')\nos.write(1, b'3\\n')\n"
            "print(4, flush=True)\nsubprocess.run(['echo', '5'])\nprint(6)",
            "1\n2\n3\n4\n5\n6\n",
            id="in order",
        ),
        pytest.param(
            "subprocess.run('echo a >&2; echo b', shell=True,"
            " stderr=subprocess.STDOUT)",
            "a\nb\n",
            id="STDOUT",
        ),
        pytest.param(
            "subprocess.run(['echo', 'a'], stdout=sys.stdout)", "a\n", id="sys.stdout"
        ),
        pytest.param("subprocess.run(['echo', 'a'], stdout=1)", "a\n", id="number"),
        pytest.param(
            "subprocess.run('echo a >&2', shell=True, stderr=1)", "a\n", id="2 to 1"
        ),
        pytest.param(
            "subprocess.run('echo a >&2', shell=True, stderr=sys.stdout)",
            "a\n",
            id="stderr to sys.stdout",
        ),
        pytest.param(
            "subprocess.run(['echo', 'a'], stdout=subprocess.DEVNULL)", "", id="null"
        ),
        pytest.param(
            "print(subprocess.check_output(['echo', 'a']))", "b'a\\n'\n", id="captured"
        ),
        pytest.param("print(os.popen('echo a').read())", "a\n\n", id="popen"),
        pytest.param(
            "with os.popen('cat', 'w') as p: p.write('a')", "a", id="popen to write"
        ),
        pytest.param(
            "print(os.popen('exit 3').close(), os.popen('true').close())",
            "768 None\n",
            id="popen status",
        ),
        pytest.param(
            "print(os.system('exit 3'), os.system('kill -9 $$'), os.system('true'))",
            "768 9 0\n",
            id="system status",
        ),
        pytest.param("os.system('echo $NAME')", "é\n", id="environment"),
        pytest.param(
            "os.environ['NAME'] = 'b'\nsubprocess.run('echo $NAME', shell=True)",
            "b\n",
            id="changed environment",
        ),
        pytest.param(
            "subprocess.run('echo $NAME', shell=True, env={'NAME': 'c'})",
            "c\n",
            id="given environment",
        ),
        pytest.param(
            "subprocess.run(['/usr/bin/env'], close_fds=False, env={'A': 'b'})\n"
            "subprocess.run(['/bin/sh', '-c', 'echo $NAME'], close_fds=False)",
            "A=b\né\n",
            id="by posix_spawn",
        ),
        pytest.param(
            "os.mkdir('d')\nos.chdir('d')\nos.umask(0o27)\n"
            "os.system('basename $PWD; umask')",
            "d\n0027\n",
            id="folder and umask",
        ),
        pytest.param(
            "def before():\n    os.setsid()\n    os.write(1, b'before ')\n"
            "    os.environ['X'] = 'real'\n"
            "subprocess.run(['echo', 'a'], preexec_fn=before)",
            "before a\n",
            id="preexec_fn",
        ),
        pytest.param(
            "os.close(1)\nprint(os.system('echo lost'), file=sys.stderr)",
            "",
            id="closed output",
        ),
        pytest.param(
            "sys.stdout.flush()\nsys.stdout.fileno()\nos.close(1)\nos.system('echo x')",
            "",
            id="closed pipe",
        ),
        pytest.param(
            "os.spawnl(os.P_WAIT, '/bin/echo', 'echo', 'a')\n"
            "print(os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'exit 3'),"
            " os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'kill -9 $$'),"
            " os.spawnl(os.P_WAIT, '/missing', 'x'), os.spawnl(os.P_WAIT, 'sh', 'x'))",
            "a\n3 -9 127 127\n",
            id="spawn and wait",
        ),
        pytest.param(
            "pid = os.spawnlpe(os.P_NOWAIT, 'sh', 'sh', '-c', 'exit $N',"
            " {**os.environ, 'N': '4'})\n"
            "print(os.waitpid(pid, 0) == (pid, 4 << 8))",
            "True\n",
            id="spawn",
        ),
        pytest.param(
            "for wrong in ('x', []):\n"
            "    try: os.spawnv(os.P_WAIT, '/bin/true', wrong)\n"
            "    except (TypeError, ValueError) as exc: print(exc)",
            "argv must be a tuple or a list\nargv first element cannot be empty\n",
            id="spawn refuses",
        ),
        pytest.param(
            "pid = os.posix_spawn('/bin/cat', ['cat'], os.environ)\n"
            "os.waitpid(pid, 0)\n"
            "r, w = os.pipe()\n"
            "pid = os.posix_spawnp('echo', ['echo', 'a'], {},"
            " file_actions=[(os.POSIX_SPAWN_DUP2, w, 1)])\n"
            "os.waitpid(pid, 0)\nprint(os.read(r, 9))\nos.close(r)\nos.close(w)",
            "bodyb'a\\n'\n",
            id="posix_spawn",
        ),
    ],
)
def test_children_are_of_the_run(run: Run, source: str, text: str) -> None:
    assert run(source, stdin=b"body").text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("subprocess.run(['cat'])", "1\n2\n3\n", id="inherited"),
        pytest.param(
            "subprocess.run(['tr', '1', 'x'], stdin=sys.stdin)", "x\n2\n3\n", id="given"
        ),
        pytest.param("os.system('cat')", "1\n2\n3\n", id="system"),
        pytest.param(
            "input()\nsys.stdout.flush()\nos.system('cat')\nprint(input())",
            "2\n",
            id="read ahead",
        ),
        pytest.param(
            "os.read(0, 2)\nos.system('head -c 2')\nprint(sys.stdin.read())",
            "2\n3\n\n",
            id="one position",
        ),
        pytest.param("os.close(0)\nos.system('cat')", "", id="closed"),
    ],
)
def test_children_read_the_content(run: Run, source: str, text: str) -> None:
    assert run(source, stdin=b"1\n2\n3\n").text == text


def test_what_children_complain_about_is_logged_in_order(run: Run) -> None:
    source = "print('a', file=sys.stderr)\nos.system('echo b >&2')\n"
    source += "print('c', file=sys.stderr)\nos.system('printf d >&2')"
    assert run(source).log == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param(
            "kept = [subprocess.Popen(['true']) for _ in range(3)]\n"
            "print({os.wait()[0] for _ in kept} == {p.pid for p in kept})",
            "True\n",
            id="wait",
        ),
        pytest.param(
            "p = subprocess.Popen(['sh', '-c', 'exit 3'])\n"
            "print(os.waitpid(-1, 0) == (p.pid, 768), p.wait())",
            "True 0\n",
            id="waitpid of any",
        ),
        pytest.param(
            "p = os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '60')\n"
            "print(os.waitpid(-1, os.WNOHANG))\nos.kill(p, 9)\n"
            "print(os.wait3(0)[:2] == (p, 9))",
            "(0, 0)\nTrue\n",
            id="wait3",
        ),
        pytest.param(
            "p = os.spawnlp(os.P_NOWAIT, 'true', 'true')\n"
            "print(os.wait4(p, 0)[:2] == (p, 0))",
            "True\n",
            id="wait4",
        ),
        pytest.param(
            "for wait in (os.wait, lambda: os.waitpid(-1, os.WNOHANG),"
            " lambda: os.wait3(0)):\n"
            "    try: wait()\n    except ChildProcessError as exc: print(exc.errno)",
            "10\n10\n10\n",
            id="no children",
        ),
        pytest.param(
            "p = subprocess.Popen(['true'])\np.wait()\nos.system('true')\n"
            "try: os.wait()\nexcept ChildProcessError: print('none left')",
            "none left\n",
            id="waited for already",
        ),
    ],
)
def test_a_run_waits_for_its_own_children(run: Run, source: str, text: str) -> None:
    with subprocess.Popen(["true"]) as other:
        # A zombie now, which is not the run's to reap.
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert run(source).text == text
        assert other.wait() == 0


def test_multiprocessing_says_that_it_needs_a_process(tmp_path: Path) -> None:
    source = """
        import os
        from multiprocessing.util import spawnv_passfds
        spawnv_passfds(b"/bin/true", [b"true"], [])
        """
    with stand_ins():
        result = run_file(save(tmp_path / "a.py", source))
    assert "ProcessNeededError: multiprocessing needs a process" in str(result.failure)


def test_asyncio_starts_children_in_a_run(run: Run) -> None:
    source = """
import asyncio
async def main():
    child = await asyncio.create_subprocess_exec("echo", "a")
    await child.wait()
    child = await asyncio.create_subprocess_shell("cat", stdout=subprocess.PIPE)
    print(await child.communicate(), child.returncode)
if sys.version_info < (3, 12):
    asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())
asyncio.run(main())
"""
    assert run(source, stdin=b"body").text == "a\n(b'body', None) 0\n"


def test_a_program_that_is_missing_is_an_error(run: Run) -> None:
    source = "try: subprocess.run(['/missing'])\nexcept OSError as exc: print(exc)"
    expected = "[Errno 2] No such file or directory: '/missing'\n"
    assert run(source).text == expected


DETACHED = """
def start(*command):
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=null, stdout=null, stderr=null)
"""


# What the scripts keep alive beyond their end.
KEPT: list[subprocess.Popen[bytes]] = []


def test_a_child_that_outlives_its_run_is_reaped(run: Run) -> None:
    source = f"""
from {__name__} import KEPT
kept = start("sleep", "60")
pid = os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "exec >/dev/null 2>&1 sleep 60")
KEPT.append(kept)
print(kept.pid, pid)
"""
    pids = [int(word) for word in run(DETACHED + source).text.split()]
    assert children.reap() == 2
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: children.reap() == 0)
    assert KEPT.pop().returncode == -signal.SIGKILL
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_child_that_was_dropped_is_reaped(run: Run) -> None:
    pid = int(run(DETACHED + "print(start('sleep', '60').pid)").text)
    assert children.reap() == 1
    os.kill(pid, signal.SIGKILL)
    until(lambda: children.reap() == 0)


def test_the_pipes_of_a_child_that_outlives_its_run_are_closed(run: Run) -> None:
    run(
        f"from {__name__} import KEPT\n"
        "pipe = subprocess.PIPE\n"
        "KEPT.append(subprocess.Popen(['cat'], stdin=pipe, stdout=pipe))"
    )
    child = KEPT.pop()
    assert child.stdin
    assert child.stdin.closed
    # The end of its input ends it.
    until(lambda: children.reap() == 0)
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("command", "options", "times", "ended"),
    [
        pytest.param("exec sleep 60", "", 1, -signal.SIGTERM, id="asked"),
        pytest.param(
            "trap '' TERM; echo; while :; do sleep 0.1; done",
            "",
            2,
            -signal.SIGKILL,
            id="insisted",
        ),
        pytest.param(
            "exec sleep 60", ", start_new_session=True", 2, None, id="own session"
        ),
    ],
)
def test_children_are_terminated_with_their_run(
    tmp_path: Path, command: str, options: str, times: int, ended: int | None
) -> None:
    source = f"""
        import subprocess
        child = subprocess.Popen(["sh", "-c", {command!r}],
                                 stderr=subprocess.DEVNULL{options})
        pid = subprocess.os.spawnlp(1, "sleep", "sleep", "60")
        print(child.pid, flush=True)
        print(child.wait())
        subprocess.os.kill(pid, 9)
        """
    runs: list[RunContext] = []
    results: list[Result] = []
    seen: list[bytes] = []

    def watch(run: RunContext, data: bytes) -> None:
        runs.append(run)
        seen.append(data)

    def work() -> None:
        results.append(
            run_file(
                save(tmp_path / "a.py", source),
                environment=dict(PATH),
                watch=watch,
            )
        )

    with stand_ins():
        thread = threading.Thread(target=work)
        thread.start()
        # One line of the script, one of the shell when it ignores the signal.
        lines = 2 if "echo" in command else 1
        until(lambda: b"".join(seen).count(b"\n") >= lines)
        for _ in range(times):
            children.terminate(runs[0])
        if ended is None:
            pid = int(b"".join(seen))
            assert os.getsid(pid) == pid
            os.kill(pid, signal.SIGKILL)
        thread.join(20)
        assert not thread.is_alive()
        until(lambda: children.reap() == 0)
    assert results[0].text.split()[-1] == str(ended or -signal.SIGKILL)


def test_a_run_without_children_has_none_to_terminate(run: Run) -> None:
    run("print(1)", inspect=children.terminate)


def test_outside_of_a_run_children_are_started_as_before(tmp_path: Path) -> None:
    with stand_ins():
        assert os.system("exit 3") == 768
        assert subprocess.check_output(["echo", "a"]) == b"a\n"
        assert os.spawnl(os.P_WAIT, "/bin/sh", "sh", "-c", "exit 3") == 3
        pid = os.posix_spawn("/bin/true", ["true"], {})
        assert os.waitpid(pid, 0) == (pid, 0)
        pid = os.posix_spawn("/bin/true", ["true"], {})
        assert os.wait4(pid, 0)[:2] == (pid, 0)
        pid = os.posix_spawn("/bin/true", ["true"], {})
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert os.wait3(os.WNOHANG)[0] == pid
    assert sys.modules["posix"].system is os.system


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("os.putenv('MINE', 'new')", id="put"),
        pytest.param("os.putenv(b'MINE', b'bytes')", id="bytes"),
        pytest.param("os.unsetenv('MINE')", id="unset"),
        pytest.param("os.putenv('MORE', 'new')", id="more"),
        pytest.param(
            "os.putenv('MINE', 'new'); os.environ['MINE'] = 'last'", id="assigned later"
        ),
        pytest.param(
            "os.environ['MINE'] = 'first'; os.putenv('MINE', 'new')", id="put later"
        ),
        pytest.param("os.putenv('MINE', 'new'); del os.environ['MINE']", id="deleted"),
        pytest.param(
            "os.putenv('MINE', 'new'); os.unsetenv('MINE'); os.putenv('MORE', '1')",
            id="unset again",
        ),
    ],
)
def test_children_get_what_is_put(tmp_path: Path, change: str) -> None:
    source = f"""
        import os, subprocess, sys
        {change}
        print(os.environ.get("MINE"), os.environ.get("MORE"), os.getenv("MINE"))
        sys.stdout.flush()
        os.system("echo $MINE $MORE")
        os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "echo $MINE $MORE")
        print(subprocess.check_output("echo $MINE $MORE", shell=True))
        print(subprocess.check_output("echo $MINE $MORE", shell=True, env={{}}))
        print(subprocess.check_output("echo $MINE", shell=True, env=os.environ))
        """
    assert_same(tmp_path, source, {"MINE": "old"})
