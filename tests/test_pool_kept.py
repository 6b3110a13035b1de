"""Children that are kept for more than one run: what they share, and what ends them."""

import gc
import json
import os
import select
import signal
import socket
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from httpout_cgi.processes import pool_dirt
from httpout_cgi.processes.pool_handover import (
    Handed,
    hand_over,
    say_farewell,
    take_over,
)
from httpout_cgi.protocol.scgi import encode_head
from tests.live import PATIENCE
from tests.live_site import start_site
from tests.pool_process import (
    PoolProcess,
    one_fork_refused,
    pool_process,
    save,
    send_descriptors,
    until,
)

PID = "import os; print(os.getpid())"


@contextmanager
def kept(**settings: object) -> Iterator[PoolProcess]:
    values = {"processes": 1, "runs_per_process": 1000, **settings}
    with pool_process(sys.executable, **values) as pool:
        yield pool


@pytest.fixture(scope="module")
def pool() -> Iterator[PoolProcess]:
    with kept() as pool:
        yield pool


def find_pid(pool: PoolProcess, folder: Path) -> int:
    """Return the number of the process that runs scripts now."""
    return int(pool.ask(save(folder / "pid.py", PID)).output)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_a_child_serves_many_runs(tmp_path: Path, pool: PoolProcess) -> None:
    assert len({find_pid(pool, tmp_path) for _ in range(20)}) == 1


def test_it_is_replaced_after_as_many_runs_as_it_may_have(tmp_path: Path) -> None:
    with kept(runs_per_process=3) as pool:
        pids = [find_pid(pool, tmp_path) for _ in range(7)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]


def test_a_run_has_what_it_is_sent(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import json, os, sys
        print(json.dumps({
            "environment": dict(os.environ), "arguments": sys.argv,
            "directory": os.getcwd(), "content": sys.stdin.read(),
        }))
        print("tagged", file=sys.stderr)
        sys.exit(3)
        """,
    )
    for number in "12":
        answer = pool.ask(path, {"NAME": number}, number.encode(), ["w", number])
        environment = {"SCRIPT_FILENAME": str(path), "NAME": number}
        assert json.loads(answer.output) == {
            "environment": {"CONTENT_LENGTH": "1", **environment},
            "arguments": [str(path), "w", number],
            "directory": str(tmp_path),
            "content": number,
        }
        assert (answer.log, answer.exit_code) == ("tagged\n", 3)


@pytest.mark.parametrize("size", [0, 10, 200_000, 700_000])
def test_another_server_sends_the_content_itself(
    tmp_path: Path, pool: PoolProcess, size: int
) -> None:
    path = save(tmp_path / "a.py", "import sys; print(len(sys.stdin.buffer.read()))")
    variables = {"SCRIPT_FILENAME": str(path), "REQUEST_METHOD": "POST"}
    assert pool.ask_plainly(variables, b"a" * size).output == b"%d\n" % size


def test_content_that_is_cut_off_is_not_run(tmp_path: Path, pool: PoolProcess) -> None:
    pool.ask_cut_off(save(tmp_path / "cut.py", "print(1)"))


def test_much_output_reaches_a_slow_reader(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", "for n in range(100): print('x' * 10_000)")
    assert len(pool.ask(path).output) == 1_000_100


def test_what_a_subprocess_writes_comes_in_order(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import subprocess
        print("one", flush=True)
        subprocess.run("echo two; echo three >&2", shell=True)
        print("four")
        """,
    )
    answer = pool.ask(path)
    assert (answer.output, answer.log) == (b"one\ntwo\nfour\n", "three\n")


# What a run does to its process.

CLEAN = {
    "environment": "import os; os.environ['A'] = 'b'",
    "directory": "import os; os.chdir('/'); os.umask(0)",
    "path": "import sys; sys.path.insert(0, '/'); sys.argv[:] = []",
    "streams": "import sys; sys.stdout.close(); sys.stderr = None",
    "exit": "import sys; sys.exit(7)",
    "end": "import os; os._exit(7)",
    "failure": "1 / 0",
    "builtins": "import builtins; builtins.added = 1",
    "thread": "import threading; threading.Thread(target=print).start()",
    "file": "kept = open(__file__)",
}


@pytest.mark.parametrize("source", CLEAN.values(), ids=CLEAN)
def test_what_ends_with_its_run_replaces_no_child(
    tmp_path: Path, pool: PoolProcess, source: str
) -> None:
    before = find_pid(pool, tmp_path)
    pool.ask(save(tmp_path / "a.py", source))
    assert find_pid(pool, tmp_path) == before


# Some in a way that nobody sees who only reads it.
DIRTY = {
    "daemon": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=[600], daemon=True).start()",
    "child": "import subprocess; subprocess.Popen(['sleep', '0.2'])",
    "descriptor": "import socket; socket.socket().detach()",
    "memory": "import json\ndef keep(it): it.kept = bytearray(90 << 20)\nkeep(json)",
    "tracer": "import operator, sys; operator.attrgetter('settrace')(sys)(id)",
    "niceness": "import operator, os; operator.attrgetter('nice')(os)(1)",
    "mask": "import operator, signal\n"
    "operator.attrgetter('pthread_sigmask')(signal)(signal.SIG_BLOCK, [15])",
    "group": "import operator, os; operator.attrgetter('setpgid')(os)(0, 0)",
}


@pytest.mark.parametrize("source", DIRTY.values(), ids=DIRTY)
def test_what_does_not_end_with_its_run_replaces_the_child(
    tmp_path: Path, pool: PoolProcess, source: str
) -> None:
    before = find_pid(pool, tmp_path)
    answer = pool.ask(
        save(tmp_path / "a.py", f"import os; print(os.getpid())\n{source}")
    )
    assert (int(answer.output), answer.exit_code) == (before, 0)
    # Some is not looked for after each run.
    until(lambda: find_pid(pool, tmp_path) != before)


def test_a_script_that_needs_a_process_has_one(
    tmp_path: Path, pool: PoolProcess
) -> None:
    source = "import os; os.nice(1); print(os.getpid(), os.getppid())"
    before = find_pid(pool, tmp_path)
    path = save(tmp_path / "a.py", source)
    found = [[*map(int, pool.ask(path).output.split())] for _ in range(2)]
    assert {parent for _, parent in found} == {pool.process.pid}
    assert len({before, *(pid for pid, _ in found)}) == 3
    assert find_pid(pool, tmp_path) == before


def test_a_program_is_executed(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.sh", "#!/bin/sh\necho $NAME; cat", 0o755)
    assert pool.ask(path, {"NAME": "x"}, b"content").output == b"x\ncontent"


def test_a_fork_that_nobody_saw_coming_is_one(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import operator, os
        print("both")
        if operator.attrgetter("fork")(os)():
            print("parent")
        else:
            print("child")
        """,
    )
    before = find_pid(pool, tmp_path)
    assert sorted(pool.ask(path).output.split()) == [b"both"] * 2 + [
        b"child",
        b"parent",
    ]
    assert find_pid(pool, tmp_path) != before


def test_edited_code_is_used_at_once(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", "import one; print(one.value)")
    for value in "123":
        save(tmp_path / "one.py", f"value = {value}")
        assert pool.ask(path).output.decode() == f"{value}\n"


# How runs end.


def test_a_run_over_its_time_limit_is_ended(tmp_path: Path, pool: PoolProcess) -> None:
    before = find_pid(pool, tmp_path)
    path = save(tmp_path / "a.py", "import time; print(1, flush=True); time.sleep(600)")
    answer = pool.ask(path, timeout=1)  # much more than it needs to print
    assert (answer.output, answer.status) == (b"1\n", None)
    assert find_pid(pool, tmp_path) != before
    until(lambda: is_gone(before))


def test_a_run_whose_peer_has_gone_is_ended(tmp_path: Path, pool: PoolProcess) -> None:
    before = find_pid(pool, tmp_path)
    path = save(tmp_path / "a.py", "import time; print(1, flush=True); time.sleep(600)")
    request = pool.send(path)
    assert request.connection.recv(100) == b"1\n"
    request.close()
    until(lambda: is_gone(before))


def test_a_long_run_whose_peer_waits_goes_on(tmp_path: Path, pool: PoolProcess) -> None:
    # Until the signal by which it is asked has come twice.
    source = """
        import time
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            time.sleep(0.05)
        print("done")
        """
    assert pool.ask(save(tmp_path / "a.py", source)).output == b"done\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_harms_its_own_run_alone(tmp_path: Path, number: int) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    source = (
        f"import os; print(os.getpid(), flush=True); print(open({str(gate)!r}).read())"
    )
    path = save(tmp_path / "a.py", source)
    with kept(processes=2) as pool:
        crashed, other = (pool.send(path) for _ in range(2))
        os.kill(int(crashed.connection.recv(100)), number)
        assert crashed.read().output == b""
        assert other.connection.recv(100)
        gate.write_text("open")
        assert other.read().output == b"open\n"
        assert find_pid(pool, tmp_path)


def test_children_are_started_as_they_are_needed(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # Held open, so that each run takes a byte of its own.
    held = os.open(gate, os.O_RDWR)
    source = f"print(os.getpid(), flush=True); open({str(gate)!r}, 'rb', 0).read(1)"
    path = save(tmp_path / "a.py", f"import os; {source}")
    with kept(processes=3) as pool:
        requests = [pool.send(path) for _ in range(3)]
        pids = {request.connection.recv(100) for request in requests}
        assert len(pids) == 3
        # It waits in the backlog: there is no fourth.
        late = pool.send(path)
        os.write(held, b"1234")
        assert late.connection.recv(100) in pids
        for request in (*requests, late):
            assert request.read().exit_code == 0
    os.close(held)


@contextmanager
def one_of_two_stopped(
    folder: Path, **settings: object
) -> Iterator[tuple[PoolProcess, Path, int, int]]:
    """Yield a pool, a script that reads from a pipe, its other end, and a child.

    The other child has no run and takes none, so that not all are busy.
    """
    gate = folder / "gate"
    os.mkfifo(gate)
    # Held open, so that each run takes a byte of its own.
    held = os.open(gate, os.O_RDWR)
    source = f"print(os.getpid(), flush=True); open({str(gate)!r}, 'rb', 0).read(1)"
    path = save(folder / "a.py", f"import os; {source}")
    with kept(**settings) as pool:
        requests = [pool.send(path) for _ in range(2)]
        stopped, other = (int(one.connection.recv(100)) for one in requests)
        os.write(held, b"12")
        assert {request.read().exit_code for request in requests} == {0}
        os.kill(stopped, signal.SIGSTOP)
        until(lambda: "T (stopped)" in Path(f"/proc/{stopped}/status").read_text())
        yield pool, path, held, other
        os.kill(stopped, signal.SIGCONT)
    os.close(held)


def test_whoever_waits_when_a_child_has_done_its_share_gets_another(
    tmp_path: Path,
) -> None:
    settings = {"processes": 2, "runs_per_process": 2}
    with one_of_two_stopped(tmp_path, **settings) as (pool, path, held, child):
        last = pool.send(path)
        assert int(last.connection.recv(100)) == child
        waiting = pool.send(path)
        os.write(held, b"12")
        assert last.read().exit_code == 0
        assert int(waiting.connection.recv(100)) != child
        assert waiting.read().exit_code == 0


def test_what_a_child_has_read_is_read_for_those_that_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = tmp_path / "readers"
    spy = f"""
        import os
        from httpout_cgi.interpreter.classify import Classifier
        judge = Classifier.judge
        def note(classifier, path, *rest):
            with open({str(readers)!r}, "a") as file:
                print(os.getpid(), file=file)
            return judge(classifier, path, *rest)
        Classifier.judge = note
        """
    save(tmp_path / "spy.py", spy)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    settings = {"processes": 2, "runs_per_process": 2, "preload": ["spy"]}
    with one_of_two_stopped(tmp_path, **settings) as (pool, path, held, child):
        last = pool.send(path)
        waiting = pool.send(path)
        os.write(held, b"12")
        assert last.read().exit_code == waiting.read().exit_code == 0
        pids = [int(line) for line in readers.read_text().split()]
        # Each of the first two, and the pool; the third found it known.
        assert len(pids) == 3
        assert pids[1:] == [child, pool.process.pid]


def test_a_child_has_a_successor_before_it_leaves(tmp_path: Path) -> None:
    settings = {"processes": 3, "runs_per_process": 8}
    with one_of_two_stopped(tmp_path, **settings) as (pool, path, held, child):
        assert [find_pid(pool, tmp_path) for _ in range(5)] == [child] * 5
        last_but_one = pool.send(path)
        assert int(last_but_one.connection.recv(100)) == child
        waiting = [pool.send(path) for _ in range(2)]
        os.write(held, b"1")
        assert last_but_one.read().exit_code == 0
        # At the same time.
        pids = {int(request.connection.recv(100)) for request in waiting}
        assert len(pids) == 2
        os.write(held, b"23")
        assert {request.read().exit_code for request in waiting} == {0}
        # It has one already: there is no third.
        until(lambda: is_gone(child))
        assert {find_pid(pool, tmp_path) for _ in range(3)} == pids - {child}


def test_a_child_has_one_successor_however_often_it_says_farewell(
    tmp_path: Path,
) -> None:
    farewells = save(
        tmp_path / "farewells.py",
        f"""
        import os, sys
        frame = sys._getframe()
        while frame.f_code.co_name != "serve":
            frame = frame.f_back
        socket = frame.f_locals["self"]._place.handover
        print(flush=True)
        open({str(tmp_path / "gate")!r}, 'rb', 0).read(1)
        for _ in range(9):
            socket.send(os.getpid().to_bytes(4, "little"))
        open({str(tmp_path / "gate")!r}, 'rb', 0).read(1)
        """,
    )
    with one_of_two_stopped(tmp_path, processes=5) as (pool, path, held, child):
        repeated = pool.send(farewells)
        assert repeated.connection.recv(100)
        waiting = [pool.send(path) for _ in range(3)]
        os.write(held, b"1")
        # The successor has begun with one of them.
        assert select.select([one.connection for one in waiting], [], [], PATIENCE)[0]
        os.write(held, b"1234")
        assert repeated.read().exit_code == 0
        pids = {int(request.read().output) for request in waiting}
        assert len(pids - {child}) == 1


def test_a_fork_that_fails_is_tried_again(tmp_path: Path) -> None:
    with one_fork_refused(tmp_path) as module, kept(preload=[module]) as pool:
        assert find_pid(pool, tmp_path)
        pool.lines.wait_for("pool: no connection can be accepted: .*no more processes")


def test_no_more_runs_than_processes_are_under_way(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    held = os.open(gate, os.O_RDWR)
    source = f"print('begun', flush=True); open({str(gate)!r}, 'rb', 0).read(1)"
    shared = save(tmp_path / "a.py", source)
    # It has a process of its own.
    own = save(tmp_path / "b.py", f"import os; os.nice(1); {source}")
    with kept(processes=2) as pool:
        first, second = pool.send(shared), pool.send(own)
        for request in (first, second):
            assert request.connection.recv(100) == b"begun\n"
        third = pool.send(own)
        fourth = pool.send(shared)
        os.write(held, b"1234")
        for request in (first, second, third, fourth):
            assert request.read().exit_code == 0
    os.close(held)


def test_a_reader_that_leaves_is_no_failure(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", "for n in range(1000): print('x' * 10_000)")
    before = find_pid(pool, tmp_path)
    request = pool.send(path)
    assert request.connection.recv(10)
    request.close()
    assert find_pid(pool, tmp_path) == before


def test_garbage_is_collected_between_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def have_none(*_: int) -> None:
        raise ChildProcessError

    monkeypatch.setattr(pool_dirt, "_waitpid", have_none)
    dirt = pool_dirt.Dirt(())
    dirt.look()
    gc.disable()
    try:
        for _ in range(20_000):
            cycle: list[object] = []
            cycle.append(cycle)
        assert not dirt.is_there()
        assert gc.get_count()[0] < 5_000
    finally:
        gc.enable()


def test_an_idle_pool_leaves_with_its_children(tmp_path: Path) -> None:
    with kept(idle=0.2) as pool:
        pid = find_pid(pool, tmp_path)
        assert pool.leave() == 0
        assert is_gone(pid)


def test_a_pool_that_is_told_to_leave_lets_runs_end(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    path = save(tmp_path / "a.py", f"print(1, flush=True); open({str(gate)!r}).read()")
    with kept() as pool:
        request = pool.send(path)
        assert request.connection.recv(100) == b"1\n"
        pool.process.terminate()
        gate.write_text("open")
        assert request.read().exit_code == 0
        assert pool.leave() == 0


def test_a_second_order_ends_them(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import time; print(1, flush=True); time.sleep(600)")
    with kept() as pool:
        request = pool.send(path)
        assert request.connection.recv(100) == b"1\n"

        def has_left() -> bool:
            pool.process.terminate()
            return pool.process.poll() == 0

        until(has_left)
        assert request.read().output == b""


# What is looked at before each run.


def test_what_another_server_may_not_ask_for_is_refused(tmp_path: Path) -> None:
    site = f"""
        listen: ["127.0.0.1:0"]
        sites:
          - docroot: htdocs
            scripts: [{{url: /cgi-bin/, path: cgi-bin, runner: process}}]
        pools: {{runs_per_process: 9, processes: 1, scgi_listen: "unix:{tmp_path}/s"}}
        """
    with start_site(tmp_path, textwrap.dedent(site)):
        path = save(tmp_path / "cgi-bin/a.py", PID)
        outside = save(tmp_path / "outside.py", PID)
        pids = {ask_as_guest(tmp_path / "s", path) for _ in range(5)}
        assert len(pids) == 1
        path.unlink()
        path.symlink_to(outside)
        assert ask_as_guest(tmp_path / "s", path).startswith(b"Status: 403 ")
        assert ask_as_guest(tmp_path / "s", outside).startswith(b"Status: 403 ")
        path.unlink()
        save(path, PID)
        assert {ask_as_guest(tmp_path / "s", path)} == pids


@pytest.mark.parametrize(
    ("source", "status"),
    [
        pytest.param("operator.attrgetter('abort')(os)()", 502, id="crash"),
        pytest.param("time.sleep(600)", 504, id="too long"),
        pytest.param("print('X-A: b\\n')", 200, id="good"),
    ],
)
def test_a_worker_is_told_how_a_run_ends(
    tmp_path: Path, source: str, status: int
) -> None:
    timeout = "300ms" if status == 504 else "20s"
    site = f"""
        listen: ["127.0.0.1:0"]
        sites:
          - docroot: htdocs
            scripts:
              - {{url: /cgi-bin/, path: cgi-bin, runner: process, timeout: {timeout}}}
        pools: {{runs_per_process: 9, processes: 1}}
        """
    with start_site(tmp_path, textwrap.dedent(site)) as live:
        save(tmp_path / "cgi-bin/a.py", f"import operator, os, time; {source}")
        for _ in range(2):
            assert live.ask("/cgi-bin/a.py").status == status


def ask_as_guest(address: Path, path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(address))
        variables = {"SCRIPT_FILENAME": str(path), "REQUEST_METHOD": "GET"}
        connection.sendall(encode_head(variables))
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_an_account_does_not_run_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cgi-bin"
    folder.mkdir(mode=0o755)
    own = {"mode": "strict", "roots": [str(tmp_path)], "mounts": [str(folder)]}
    with kept(ownership=own) as pool:
        path = save(folder / "a.py", PID, 0o755)
        pid = pool.ask(path).output
        assert pool.ask(path).output == pid
        path.chmod(0o775)
        answer = pool.ask_plainly({"SCRIPT_FILENAME": str(path)})
        assert answer.output == b""
        pool.lines.wait_for("pool: refused group-writable-script: /")
        path.chmod(0o755)
        assert pool.ask(path).output == pid


def test_no_child_outlives_a_pool_that_is_killed(tmp_path: Path) -> None:
    with kept() as pool:
        pid = find_pid(pool, tmp_path)
        pool.process.kill()
        pool.leave()
        until(lambda: is_gone(pid) or b"Z" in Path(f"/proc/{pid}/status").read_bytes())


def test_a_peer_that_says_nothing_keeps_no_child(
    tmp_path: Path, pool: PoolProcess
) -> None:
    silent = [pool.connect() for _ in range(3)]
    assert find_pid(pool, tmp_path)
    for connection in silent:
        connection.close()


def test_the_silent_outside_come_after_the_workers(tmp_path: Path) -> None:
    site = f"""
        listen: ["127.0.0.1:0"]
        sites:
          - docroot: htdocs
            scripts: [{{url: /cgi-bin/, path: cgi-bin, runner: process}}]
        pools: {{runs_per_process: 99, processes: 1, scgi_listen: "unix:{tmp_path}/s"}}
        """
    os.mkfifo(tmp_path / "gate")
    note = f"print(word, file=open('{tmp_path}/order', 'a')); print('X-A: b\\n')"
    with start_site(tmp_path, textwrap.dedent(site)) as live, ExitStack() as stack:
        wait = save(tmp_path / "cgi-bin/wait.py", f"open('{tmp_path}/gate').read()")
        guest = save(tmp_path / "cgi-bin/guest.py", f"word = 'guest'; {note}")
        save(tmp_path / "cgi-bin/own.py", f"word = 'worker'; {note}")
        (tmp_path / "htdocs/page.txt").write_text("page")
        own, other = (stack.enter_context(live.open()) for _ in range(2))

        def connect(head: bytes) -> socket.socket:
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.settimeout(PATIENCE)
            connection.connect(f"{tmp_path}/s")
            connection.sendall(head)
            return connection

        def head(path: Path) -> bytes:
            return encode_head({"SCRIPT_FILENAME": str(path), "REQUEST_METHOD": "GET"})

        connect(head(wait))
        with open(tmp_path / "gate", "w"):  # once the only child is busy
            for _ in range(10):
                connect(b"")
            late = connect(head(guest))
            for client, target in [(own, "/page.txt"), (own, "/cgi-bin/own.py")]:
                client.send(target)
                # Once this has been answered, that has been asked for.
                other.send("/page.txt")
                assert other.receive().status == 200
        assert own.receive().status == 200
        assert own.receive().status == 200
        assert late.recv(100)
    assert (tmp_path / "order").read_text() == "worker\nguest\n"


def test_what_is_no_request_is_told_as_ever(tmp_path: Path, pool: PoolProcess) -> None:
    with pool.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(100) == b""
    pool.lines.wait_for("a request was refused: the head has no length")
    assert find_pid(pool, tmp_path)


def test_limits_hold(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import resource
        for name in ("AS", "NOFILE"):
            print(resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
        print(resource.getrlimit(resource.RLIMIT_CPU)[0])
        """,
    )
    limits = {"memory": 1 << 30, "open_files": 33, "cpu": 7}
    with kept(limits=limits, nice=1) as pool:
        memory, files, cpu = pool.ask(path).output.decode().split("\n")[:3]
    assert memory == str((1 << 30, 1 << 30))
    assert files == "(33, 33)"
    # Beside what the process has used up by now.
    assert int(cpu) == 8


# What a kept child hands to its pool.


@pytest.mark.parametrize("count", [0, 3])
def test_a_connection_is_handed_over_with_what_was_read(count: int) -> None:
    child, pool_end = socket.socketpair(type=socket.SOCK_DGRAM)
    ours, theirs = socket.socketpair()
    numbers = [os.open(os.devnull, os.O_RDONLY) for _ in range(count)]
    with child, pool_end, ours:
        hand_over(child, 1, b"read", theirs, numbers)
        assert theirs.fileno() == -1
        handed = take_over(pool_end, [None, ()])
        assert isinstance(handed, Handed)
        assert handed.mounts == ()
        data, descriptors = handed.received
        assert (data, len(descriptors)) == (b"read", count)
        handed.connection.sendall(b"answer")
        assert ours.recv(100) == b"answer"
        handed.connection.close()
        for number in descriptors:
            os.close(number)


def test_a_child_that_is_going_to_leave_says_which_it_is() -> None:
    child, pool_end = socket.socketpair(type=socket.SOCK_DGRAM)
    with child, pool_end:
        say_farewell(child, 1 << 22)  # the largest number of a process
        assert take_over(pool_end, [None]) == 1 << 22
    say_farewell(child, 1)  # nobody listens


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(b"\0", 0, id="nothing"),
        pytest.param(b"\0", 1, id="one"),
        pytest.param(b"\2", 2, id="no listener"),
        pytest.param(b"\0", 2, id="no connection"),
    ],
)
def test_what_makes_no_sense_is_not_taken_over(data: bytes, count: int) -> None:
    child, pool_end = socket.socketpair(type=socket.SOCK_DGRAM)
    before = len(os.listdir("/proc/self/fd"))
    with child, pool_end, open(os.devnull) as null:
        send_descriptors(child, data, [null.fileno()] * count)
        assert take_over(pool_end, [None]) is None
        assert len(os.listdir("/proc/self/fd")) == before + 1


def test_nobody_is_told_if_the_pool_has_gone() -> None:
    child, pool_end = socket.socketpair(type=socket.SOCK_DGRAM)
    ours, theirs = socket.socketpair()
    pool_end.close()
    with child, ours:
        hand_over(child, 0, b"", theirs, [])
        assert ours.recv(1) == b""
