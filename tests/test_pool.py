"""The pool process: what its children are, and that nothing brings it down."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import zipapp
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi.protocol.scgi import encode_head
from tests.pool_process import (
    PoolProcess,
    find_python,
    is_alive,
    one_fork_refused,
    pool_process,
    save,
    send_descriptors,
    until,
)

HELLO = 'print("Hello")'


@pytest.fixture(scope="module")
def pool() -> Iterator[PoolProcess]:
    with pool_process() as process:
        yield process


@pytest.fixture(params=["3.8", "3.13"])
def other_pool(request: pytest.FixtureRequest) -> Iterator[PoolProcess]:
    python = find_python(request.param)
    if python is None:
        pytest.skip(f"Python {request.param} is not installed")
    with pool_process(python) as process:
        yield process


def count_when_settled(folder: Path) -> int:
    """Return how many entries there are when that changes no more.

    A pool that has just started, or run something, is still making its spares.
    """
    seen: list[int] = []

    def look() -> bool:
        seen.append(len(list(folder.iterdir())))
        return len(seen) >= 20 and len(set(seen[-20:])) == 1

    until(look)
    return seen[-1]


# What the child is.

ALL = """
import json, os, resource, stat, sys
print(json.dumps({
    "environment": dict(os.environ),
    "arguments": sys.argv,
    "directory": os.getcwd(),
    "umask": os.umask(0),
    "is_leader": os.getpgrp() == os.getpid(),
    "descriptors": sorted(
        int(name) for name in os.listdir("/proc/self/fd")
        if os.path.exists("/proc/self/fd/" + name)
    ),
    "position": [os.lseek(0, 0, os.SEEK_CUR), os.fstat(0).st_size],
    "is_blocking": [os.get_blocking(number) for number in range(3)],
    "is_socket": stat.S_ISSOCK(os.fstat(1).st_mode),
    "content": sys.stdin.read(),
}))
print("tagged", file=sys.stderr)
"""


def assert_a_process_of_its_own(folder: Path, pool: PoolProcess) -> None:
    path = save(folder / "all.py", ALL)
    answer = pool.ask(path, {"NAME": "ü\udcff", "TZ": "Asia/Tokyo"}, b"x=1", ["a b"])
    found = json.loads(answer.output)
    assert found.pop("descriptors")[:3] == [0, 1, 2]
    assert found == {
        "environment": {
            "CONTENT_LENGTH": "3",
            "SCRIPT_FILENAME": str(path),
            "NAME": "ü\udcff",
            "TZ": "Asia/Tokyo",
        },
        "arguments": [str(path), "a b"],
        "directory": str(folder),
        "umask": 0o27,
        "is_leader": True,
        "position": [0, 3],
        "is_blocking": [True] * 3,
        "is_socket": True,
        "content": "x=1",
    }
    assert (answer.log, answer.exit_code) == ("tagged\n", 0)


def test_a_run_has_a_process_of_its_own(tmp_path: Path, pool: PoolProcess) -> None:
    assert_a_process_of_its_own(tmp_path, pool)


def test_a_run_has_a_process_of_its_own_elsewhere(
    tmp_path: Path, other_pool: PoolProcess
) -> None:
    assert_a_process_of_its_own(tmp_path, other_pool)
    path = save(tmp_path / "fails.py", "import email.message, ssl, one")
    save(tmp_path / "one.py", "1 / 0")
    answer = other_pool.ask(path)
    assert answer.exit_code == 1
    assert answer.log.startswith(f'Traceback (most recent call last):\n  File "{path}"')
    assert "httpout_cgi" not in answer.log


def test_no_descriptor_of_the_pool_is_open(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os
        for number in range(3, 200):
            try:
                print(number, os.readlink(f"/proc/self/fd/{number}"))
            except OSError:
                pass
        """,
    )
    waiting = [pool.connect() for _ in range(2)]
    assert pool.ask(path).output == b""
    for connection in waiting:
        connection.close()


@pytest.mark.parametrize(
    ("method", "content", "length"),
    [
        pytest.param("GET", b"", None, id="GET"),
        pytest.param("POST", b"", "0", id="POST, empty"),
        pytest.param("POST", b"a" * 70_000, "70000", id="POST"),
        pytest.param("PUT", b"b" * 700_000, "700000", id="too large for memory"),
    ],
)
def test_another_server_sends_the_content_itself(
    tmp_path: Path, pool: PoolProcess, method: str, content: bytes, length: str | None
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, sys
        content = sys.stdin.buffer.read()
        print(os.environ.get("CONTENT_LENGTH"), len(content), set(content))
        print("what a pool logs", file=sys.stderr)
        """,
    )
    variables = {"SCRIPT_FILENAME": str(path), "REQUEST_METHOD": method}
    answer = pool.ask_plainly(variables, content)
    expected = f"{length} {len(content)} {set(content) or 'set()'}\n"
    assert answer.output.decode() == expected
    pool.lines.wait_for("what a pool logs\n")


def test_content_that_is_cut_off_is_not_run(tmp_path: Path, pool: PoolProcess) -> None:
    pool.ask_cut_off(save(tmp_path / "cut.py", HELLO))


def test_a_peer_may_say_that_it_has_sent_all(tmp_path: Path, pool: PoolProcess) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    path = save(tmp_path / "a.py", f'print(open("{gate}").read())')
    request = pool.send(path)
    request.connection.shutdown(socket.SHUT_WR)
    gate.write_text("open")
    answer = request.read()
    assert (answer.output, answer.exit_code) == (b"open\n", 0)


def test_the_time_zone_is_that_of_the_run(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", "import time; print(time.localtime(0).tm_hour)")
    assert pool.ask(path, {"TZ": "XST-05"}).output == b"5\n"
    assert pool.ask(path, {"TZ": "XST-06"}).output == b"6\n"


def test_chance_is_not_shared(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", "import random; print(random.random())")
    assert len({pool.ask(path).output for _ in range(5)}) == 5


def test_signals_are_as_in_a_new_process(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import signal
        changed = [
            number.name for number in signal.valid_signals()
            if isinstance(number, signal.Signals)
            and signal.getsignal(number) not in (signal.SIG_DFL, None)
        ]
        print(*changed, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        print(signal.set_wakeup_fd(-1))
        """,
    )
    assert pool.ask(path).output == b"SIGINT SIGPIPE SIGXFSZ set()\n-1\n"


def test_limits_hold() -> None:
    limits = {"memory": 1 << 30, "cpu": 7, "open_files": 33, "file_size": 1 << 29}
    with pool_process(limits={**limits, "processes": None}, nice=3) as pool:
        path = save(
            Path(pool.address).parent / "a.py",
            """
            import os, resource
            for name in ("AS", "CPU", "NOFILE", "FSIZE"):
                print(resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
            print(os.nice(0))
            """,
        )
        told = pool.ask(path).output.decode().split("\n")
    nice = os.nice(0) + 3
    assert told[:4] == [str((value, value)) for value in limits.values()]
    assert told[4] == str(min(nice, 19))


# Modules.


def test_edited_modules_are_used_at_once(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", "import lib.one")
    save(tmp_path / "lib/one.py", "print(1)")
    assert pool.ask(path).output == b"1\n"
    before = (tmp_path / "lib/one.py").stat()
    save(tmp_path / "lib/one.py", "print(2)")
    os.utime(tmp_path / "lib/one.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert pool.ask(path).output == b"2\n"
    assert not list(tmp_path.rglob("*.pyc"))


def test_the_pool_compiles_modules_for_the_next_child(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import builtins
        def count(source, name, *rest, **options):
            print("compiled", name)
            return compile_(source, name, *rest, **options)
        compile_, builtins.compile = compile, count
        import one
        """,
    )
    save(tmp_path / "one.py", "")
    old = time.time_ns() - 10**9
    for name in ("a.py", "one.py"):
        os.utime(tmp_path / name, ns=(old, old))
    assert pool.ask(path).output == f"compiled {tmp_path}/one.py\n".encode()
    # The file's ctime has to be old enough to be believed.
    until(lambda: pool.ask(path).output == b"")


def test_a_preloaded_module_does_not_hide_a_scripts_own(tmp_path: Path) -> None:
    code = "import config, email; print(config.name, email.name)"
    path = save(tmp_path / "a.py", code)
    save(tmp_path / "config.py", "name = 'mine'")
    save(tmp_path / "email.py", "name = 'mine, too'")
    with pool_process(preload=["email.header", "no_such_module"]) as pool:
        assert pool.ask(path).output == b"mine mine, too\n"
        pool.lines.wait_for("pool: preload: no_such_module: ModuleNotFoundError")


# Programs.


def program(folder: Path, name: str, source: str, mode: int = 0o755) -> Path:
    return save(folder / name, source, mode)


def test_a_program_is_executed(tmp_path: Path, pool: PoolProcess) -> None:
    path = program(
        tmp_path,
        "a.sh",
        """
        #!/bin/sh
        echo "$0 $1 $NAME $PWD"
        env | sort
        cat
        echo tagged >&2
        kill -PIPE $$
        """,
    )
    answer = pool.ask(path, {"NAME": "x", "PATH": "/usr/bin:/bin"}, b"content", ["w"])
    first, *rest = answer.output.decode().split("\n")
    assert first == f"{path} w x {tmp_path}"
    assert {line for line in rest if not line.startswith(("_=", "PWD="))} == {
        "CONTENT_LENGTH=7",
        "NAME=x",
        "PATH=/usr/bin:/bin",
        f"SCRIPT_FILENAME={path}",
        "content",
    }
    assert answer.log == "tagged\n"
    assert answer.exit_code == -signal.SIGPIPE


@pytest.mark.parametrize(
    "shebang",
    [
        "#!/usr/bin/python3",
        "#!/no/such/folder/python",
        "#!/usr/bin/env python3",
        "#!/usr/bin/env -S X=1 python3 -u",
        "#! /usr/bin/python3 -u",
        f"#!/usr/bin/python3.{sys.version_info[1]}",
        f"#!{sys.executable}",
        "#!/usr/bin/python3\r",
    ],
)
def test_a_shebang_may_name_this_interpreter(
    tmp_path: Path, pool: PoolProcess, shebang: str
) -> None:
    path = program(tmp_path, "script", f"{shebang}\nimport os; print(os.getppid())")
    assert pool.ask(path).output == b"%d\n" % pool.process.pid
    path.chmod(0o644)
    answer = pool.ask(path)
    assert answer.exit_code == 126
    assert (
        answer.log
        == f"{path}: it may not be executed: its run bit is missing (chmod +x)\n"
    )


@pytest.mark.parametrize(
    ("name", "by_shebang"), [("app", False), ("app.pyz", False), ("app.pyz", True)]
)
def test_a_zip_application_is_unpacked_by_its_interpreter(
    tmp_path: Path, pool: PoolProcess, name: str, by_shebang: bool
) -> None:
    (tmp_path / "app.d").mkdir()
    (tmp_path / "app.d" / "__main__.py").write_text("print('unpacked')")
    zipapp.create_archive(tmp_path / "app.d", tmp_path / name, sys.executable)
    answer = pool.ask(tmp_path / name, by_shebang=by_shebang)
    assert (answer.output, answer.log) == (b"unpacked\n", "")


def test_what_needs_the_python_of_its_first_line_may_need_this_one(
    tmp_path: Path, pool: PoolProcess
) -> None:
    # The kernel would not run it.
    source = f"#!{sys.executable}\nprint(1)"
    path = program(tmp_path, "a.py", source, 0o644)
    assert pool.ask(path, by_shebang=True).output == b"1\n"
    path = program(tmp_path, "b.py", "#!/other/bin/python3\nprint(1)")
    assert pool.ask(path, by_shebang=True).exit_code == 127


def test_a_script_with_the_suffix_needs_no_run_bit(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = program(tmp_path, "a.py", "#!/usr/bin/python2\nprint(1)", 0o644)
    assert pool.ask(path).output == b"1\n"


@pytest.mark.parametrize(
    ("source", "mode", "reason", "code"),
    [
        pytest.param(
            "#!/no/such/perl -w\n",
            0o755,
            "its interpreter /no/such/perl is missing: "
            "install it, or correct the first line",
            127,
            id="no interpreter",
        ),
        pytest.param(
            "#!/bin/sh\r\n",
            0o755,
            "its interpreter /bin/sh is missing (its lines end as on Windows): "
            "install it, or correct the first line",
            127,
            id="line ends",
        ),
        pytest.param(
            "#!/bin/sh\n",
            0o644,
            "it may not be executed: its run bit is missing (chmod +x)",
            126,
            id="no run bit",
        ),
        pytest.param(
            "#!/etc/passwd\n",
            0o755,
            "its interpreter /etc/passwd may not be executed",
            126,
            id="no program",
        ),
        pytest.param(
            "echo\n",
            0o755,
            'unknown format: it has no "#!" line and is no program',
            126,
            id="no shebang",
        ),
        pytest.param("", None, "No such file or directory", 127, id="no file"),
    ],
)
def test_what_cannot_be_executed_is_told_in_a_line(
    tmp_path: Path,
    pool: PoolProcess,
    source: str,
    mode: int | None,
    reason: str,
    code: int,
) -> None:
    path = tmp_path / "script.pl"
    if mode is not None:
        program(tmp_path, path.name, source, mode)
    answer = pool.ask(path)
    assert answer.log == f"{path}: {reason}\n"
    assert (answer.exit_code, answer.output) == (code, b"")


@pytest.mark.parametrize(
    ("name", "interpreter", "reason", "code"),
    [
        pytest.param(
            "a.x",
            "/no/such/x",
            'its interpreter /no/such/x is missing: install it, or correct "interpreter'
            's"',
            127,
            id="missing",
        ),
        pytest.param(
            "a.x",
            "/tmp",
            "its interpreter /tmp cannot be run: Permission denied",
            126,
            id="folder",
        ),
        pytest.param(
            "b.x", "/bin/cat", "it may not be read (chmod +r)", 126, id="no script"
        ),
    ],
)
def test_an_interpreter_that_cannot_run_a_script_is_told_in_a_line(
    tmp_path: Path,
    pool: PoolProcess,
    name: str,
    interpreter: str,
    reason: str,
    code: int,
) -> None:
    program(tmp_path, "a.x", "")
    variables = {"REDIRECT_URL": "/a", "PATH_TRANSLATED": "/b"}
    answer = pool.ask(tmp_path / name, variables, interpreter=interpreter)
    assert answer.log == f"{tmp_path / name}: {reason}\n"
    assert answer.exit_code == code


@pytest.mark.parametrize("name", ["a.py", "a.pl"])
def test_a_script_that_is_no_file_is_told_of(
    tmp_path: Path, pool: PoolProcess, name: str
) -> None:
    os.mkfifo(tmp_path / name, 0o755)
    if name == "a.py":
        # A child may wait for it; the pool does not.
        request = pool.send(tmp_path / name)
        assert pool.ask(save(tmp_path / "b.py", HELLO)).output == b"Hello\n"
        request.close()
    else:
        assert pool.ask(tmp_path / name).exit_code == 126


# How runs end.

# Seconds: much more than a script needs for what it does before it is ended.
LIMIT = 1


def test_a_run_over_its_time_limit_is_told_to_end(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(tmp_path / "a.py", "import time; print(1, flush=True); time.sleep(600)")
    answer = pool.ask(path, timeout=LIMIT)
    assert (answer.output, answer.exit_code) == (b"1\n", -signal.SIGTERM)


STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    print(os.getpid(), flush=True)
else:
    print(os.getpid(), flush=True)
time.sleep(600)
"""


def test_what_ignores_that_is_killed_with_its_children(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(tmp_path / "a.py", STUBBORN)
    answer = pool.ask(path, timeout=LIMIT)
    assert answer.exit_code == -signal.SIGKILL
    for pid in map(int, answer.output.split()):
        until(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]


def test_a_group_is_killed_whose_leader_has_left(
    tmp_path: Path, pool: PoolProcess
) -> None:
    lines = STUBBORN.replace("if os.fork():", "if os.fork():\n    signal.signal(15, 0)")
    answer = pool.ask(save(tmp_path / "a.py", lines), timeout=LIMIT)
    assert answer.exit_code == -signal.SIGTERM
    for pid in map(int, answer.output.split()):
        until(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]


def test_a_run_ends_when_its_peer_leaves(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", "import os, time\nprint(os.getpid(), flush=True)\n")
    with path.open("a") as file:
        file.write("time.sleep(600)\n")
    request = pool.send(path)
    pid = int(request.connection.recv(100))
    request.close()
    until(lambda: not is_alive(pid))


def test_a_peer_that_never_reads_holds_nobody_up(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(tmp_path / "a.py", "print('x' * 10_000_000)")
    request = pool.send(path, timeout=0.2)
    assert pool.ask(save(tmp_path / "b.py", HELLO)).output == b"Hello\n"
    assert request._status is not None
    assert int(request._status.read()) == signal.SIGTERM
    request.close()


def test_a_run_that_kills_its_pool_group_harms_itself_alone(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(tmp_path / "a.py", "import os; os.kill(0, 9)")
    assert pool.ask(path).exit_code == -signal.SIGKILL
    assert pool.ask(save(tmp_path / "b.py", HELLO)).output == b"Hello\n"


# What may be sent to it.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", "the head has no length", id="HTTP"),
        pytest.param(b"99999999:", "too many digits|too large", id="vast"),
        pytest.param(b"3:abc,", "no end", id="no pairs"),
        pytest.param(encode_head({}), "SCRIPT_FILENAME", id="no script"),
        pytest.param(
            encode_head({"SCRIPT_FILENAME": "a.py"}), "SCRIPT_FILENAME", id="relative"
        ),
        pytest.param(
            encode_head({"SCRIPT_FILENAME": "/a.py", "A=B": "C"}), "equals", id="="
        ),
        *(
            pytest.param(
                encode_head({"SCRIPT_FILENAME": "/a.py", "HTTPOUT_CGI_RUN": text}),
                "HTTPOUT_CGI_RUN|NUL",
                id=text[:30],
            )
            for text in (
                "{",
                "1",
                '{"timeout": "x"}',
                '{"arguments": [1]}',
                '{"umask": []}',
                '{"arguments": ["\\u0000"]}',
                # Any of these could end a pool, and the runs of others with it.
                '{"umask": 1e999}',
                '{"timeout": 1' + "0" * 400 + "}",
                "[" * 20_000,
                '{"interpreter": "\\ud800"}',
                '{"arguments": ["\\ud800"]}',
            )
        ),
    ],
)
def test_garbage_is_refused_in_a_line(data: bytes, reason: str) -> None:
    with pool_process() as pool, pool.connect() as connection:
        connection.sendall(data)
        assert connection.recv(10) == b""
        pool.lines.wait_for(f"pool: a request was refused: .*({reason})")


@pytest.mark.parametrize("count", [1, 2, 4, 200])
def test_a_wrong_number_of_descriptors_is_refused(
    tmp_path: Path, pool: PoolProcess, count: int
) -> None:
    folder = Path(f"/proc/{pool.process.pid}/fd")
    before = count_when_settled(folder)
    head = encode_head({"SCRIPT_FILENAME": str(save(tmp_path / "a.py", HELLO))})
    for _ in range(20):
        with pool.connect() as connection:
            send_descriptors(connection, head, [0] * count)
            assert connection.recv(10) == b""
    pool.lines.wait_for("a wrong number of descriptors")
    until(lambda: len(list(folder.iterdir())) == before)


@pytest.mark.parametrize(("page", "count"), [("", 4), ("/tmp", 3), ("/tmp", 0)])
def test_a_page_has_a_file_for_its_header_section_and_no_other(
    tmp_path: Path, pool: PoolProcess, page: str, count: int
) -> None:
    variables = {
        "SCRIPT_FILENAME": str(save(tmp_path / "a.py", HELLO)),
        "HTTPOUT_CGI_RUN": json.dumps({"page": page}),
    }
    with pool.connect() as connection:
        send_descriptors(connection, encode_head(variables), [0] * count)
        assert connection.recv(10) == b""
    pool.lines.wait_for("a wrong number of descriptors for what it asks for")


def test_descriptors_do_not_pile_up(pool: PoolProcess) -> None:
    folder = Path(f"/proc/{pool.process.pid}/fd")
    before = len(list(folder.iterdir()))

    def flood(connection: socket.socket) -> None:
        for _ in range(10_000):
            send_descriptors(connection, b"1", [0] * 3)

    with pool.connect() as connection, pytest.raises(ConnectionError):
        flood(connection)
    until(lambda: len(list(folder.iterdir())) == before)


def test_a_status_pipe_that_is_full_keeps_nobody_waiting(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(tmp_path / "a.py", HELLO)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    with pool.connect() as connection:
        null = os.open(os.devnull, os.O_RDWR)
        head = encode_head({"SCRIPT_FILENAME": str(path)})
        send_descriptors(connection, head, [null, null, writer])
        assert connection.recv(100) == b"Hello\n"
        assert connection.recv(100) == b""
    for number in (null, reader, writer):
        os.close(number)


def test_a_request_may_come_in_pieces(tmp_path: Path, pool: PoolProcess) -> None:
    head = encode_head({"SCRIPT_FILENAME": str(save(tmp_path / "a.py", HELLO))})
    with pool.connect() as connection:
        for position in range(len(head)):
            connection.send(head[position : position + 1])
        assert connection.recv(100) == b"Hello\n"


def test_those_who_say_nothing_do_not_keep_others_waiting(
    tmp_path: Path, pool: PoolProcess
) -> None:
    silent = [pool.connect() for _ in range(20)]
    assert pool.ask(save(tmp_path / "a.py", HELLO)).output == b"Hello\n"
    for connection in silent:
        connection.close()


# How many, and for how long.


def test_more_requests_than_processes_wait(tmp_path: Path) -> None:
    gates = [tmp_path / "first", tmp_path / "second"]
    for gate in gates:
        os.mkfifo(gate)
    path = save(tmp_path / "a.py", "import sys; print(open(sys.argv[1]).read())")
    with pool_process(processes=2) as pool:
        requests = [pool.send(path, arguments=[str(gate)]) for gate in gates]
        late = [pool.send(save(tmp_path / "b.py", HELLO)) for _ in range(100)]
        gone = late.pop(1)
        gone.close()
        for gate, request in zip(gates, requests, strict=True):
            gate.write_text("x")
            assert request.read().output == b"x\n"
        for request in late:
            assert request.read().output == b"Hello\n"


def test_an_idle_pool_leaves_and_its_successor_serves(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", HELLO)
    with pool_process(idle=0.2) as pool:
        assert pool.ask(path).output == b"Hello\n"
        assert pool.leave() == 0
        request = pool.send(path)
        pool.start()
        assert request.read().output == b"Hello\n"


def test_sigterm_lets_what_runs_finish(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    path = save(
        tmp_path / "a.py", f'print(1, flush=True); print(open("{gate}").read())'
    )
    with pool_process() as pool:
        request = pool.send(path)
        assert request.connection.recv(10) == b"1\n"
        pool.process.terminate()
        gate.write_text("2")
        answer = request.read()
        assert (answer.output, answer.exit_code) == (b"2\n", 0)
        assert pool.leave() == 0


def test_a_second_sigterm_kills_it(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", STUBBORN)
    with pool_process() as pool:
        request = pool.send(path)
        pid = int(request.connection.recv(100).split()[0])

        def is_killed() -> bool:
            # Signals of a kind that come at once are one.
            pool.process.terminate()
            return not is_alive(pid)

        until(is_killed)
        assert request.read().exit_code == -signal.SIGKILL
        assert pool.leave() == 0


def test_a_pool_leaves_without_its_parent(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import os; print(os.getppid())")
    start = "import subprocess, sys; subprocess.run(sys.argv[1:], stdout=2)"
    with pool_process() as pool:
        assert int(pool.ask(path).output) == pool.process.pid
        pool.process.terminate()
        assert pool.leave() == 0
        with subprocess.Popen(
            [sys.executable, "-c", start, *pool.command], stdin=pool.listener.fileno()
        ) as parent:
            pid = int(pool.ask(path).output)
            parent.kill()
        until(lambda: not is_alive(pid))


def test_a_fork_that_fails_costs_that_request_alone(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", HELLO)
    with one_fork_refused(tmp_path) as module, pool_process(preload=[module]) as pool:
        answer = pool.ask(path)
        assert (answer.output, answer.status) == (b"", None)
        pool.lines.wait_for(f"pool: no process for {path}: .*no more processes")
        assert pool.ask(path).output == b"Hello\n"


def test_no_descriptor_left_is_survived(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", HELLO)
    (tmp_path / "few.py").write_text(
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))"
    )
    os.environ["PYTHONPATH"] = str(tmp_path)
    try:
        with pool_process(preload=["few"]) as pool:
            silent = [pool.connect() for _ in range(40)]
            pool.lines.wait_for("pool: no connection can be accepted: .*Too many open")
            # It tries again and again, and says so once.
            assert not select.select([silent[-1]], [], [], 0.3)[0]
            for connection in silent:
                connection.close()
            until(lambda: pool.ask(path).output == b"Hello\n")
            assert pool.lines.text.count("can be accepted") == 1
    finally:
        del os.environ["PYTHONPATH"]


def test_a_limit_that_cannot_be_set_is_told_of(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", HELLO)
    with pool_process(nice="fast") as pool:
        answer = pool.ask(path)
        assert (answer.output, answer.exit_code) == (b"", 70)
        assert answer.log.startswith(f"{path}: no run: TypeError")


def test_standard_input_must_be_a_socket() -> None:
    with pool_process() as pool:
        done = subprocess.run(
            pool.command, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith(b"pool: cannot start: ")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        pytest.param({"runs_per_process": 0}, "at least one run", id="runs"),
        pytest.param({"limits": {"x": 1}}, "unknown limit: x", id="limit"),
        pytest.param({"processes": 0}, "at least one", id="processes"),
        pytest.param({"colour": 1}, "no settings of a pool", id="unknown"),
    ],
)
def test_settings_that_cannot_be_done_are_told(
    settings: dict[str, object], reason: str
) -> None:
    with pool_process(sys.executable, **settings) as pool:
        assert pool.leave() == 2
        assert re.fullmatch(f"pool: cannot start: .*{reason}.*\n", pool.lines.text)
