"""Runs in a pool, the worker's side: with a real pool, and with one that misbehaves."""

import asyncio
import gc
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import weakref
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeAlias

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.scgi import parse_head
from httpout_cgi.runners import output_pipe, pool_request, pool_run
from httpout_cgi.runners.base import Run, Runner
from httpout_cgi.runners.pool import PoolRunner
from httpout_cgi.runners.pool_connection import Directory, PoolConnection
from httpout_cgi.runners.unread_output import UNREAD_LIMIT
from httpout_cgi.scripts import Invocation, Mount, OutputMode, Owner, Script
from tests.live import PATIENCE, ROOT

Test: TypeAlias = Callable[[PoolRunner], Awaitable[None]]
Notes: TypeAlias = pytest.LogCaptureFixture

TAG = "[site /cgi-bin/{} id7] "
HEAD = 'print("Content-Type: text/plain\\n", flush=True)\n'


class OnePool:
    """A directory with the site's own pool alone."""

    def __init__(self, address: str) -> None:
        self._address = address

    def find(self, whose: Owner | str | None, tell: Callable[[str, str], None]) -> None:
        tell(self._address, "")

    def forget(self, whose: Owner | str) -> None:
        raise AssertionError("nobody's pool")


def describe(
    path: Path,
    *,
    environment: dict[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    stdin: BinaryIO | None = None,
    timeout: float = 20.0,
    output: OutputMode = "cgi",
) -> Invocation:
    mount = Mount("/cgi-bin/", str(path.parent), timeout=timeout, output=output)
    name = f"/cgi-bin/{path.name}"
    script = Script(
        str(path), os.stat(path), name, "", None, str(path.parent), mount, "site"
    )
    variables = {"SCRIPT_FILENAME": str(path), **(environment or {})}
    return Invocation("id7", script, variables, arguments, stdin)


def save(path: Path, source: str) -> Path:
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return path


def check(test: Test, address: str, *, queue: int = 64) -> None:
    """Run a test with a runner on a loop of its own."""

    async def main() -> None:
        before = count_descriptors()
        runner = PoolRunner(asyncio.get_running_loop(), OnePool(address), queue=queue)
        try:
            await asyncio.wait_for(test(runner), 2 * PATIENCE)
        finally:
            await runner.shutdown(PATIENCE)
        # Standard error is read until the last one who holds it has gone.
        await until(lambda: count_descriptors() <= before)

    asyncio.run(main())


def count_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def read_all(run: Run) -> bytes:
    parts = []
    while not run.ended:
        parts.append(await run.read())
    run.close()
    return b"".join(parts)


async def until(condition: Callable[[], object]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.005)


async def fail(run: Run) -> HTTPError:
    """Return what the run raises in the end."""
    try:
        while await run.read():
            pass
    except HTTPError as error:
        assert not run.ended
        run.close()
        return error
    raise AssertionError("it ended well")


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """Return a folder whose path leaves room: that of a socket must be short."""
    with tempfile.TemporaryDirectory(prefix="pool") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def pool(short_folder: Path) -> Iterator[str]:
    """Start a pool; return the address of its socket."""
    path = str(short_folder / "real.sock")
    start = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n"
        "from httpout_cgi.processes import pool; sys.exit(pool.main())"
    )
    settings = json.dumps({"processes": 4, "idle": 600})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        process = subprocess.Popen(
            [sys.executable, "-c", start, settings], stdin=listener.fileno()
        )
    try:
        yield path
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def listener(short_folder: Path) -> Iterator[socket.socket]:
    """Return a socket at which a test plays a pool."""
    path = short_folder / "played.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.setblocking(False)
        yield listener
    path.unlink()


class Played:
    """A request as a pool gets it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.setblocking(True)
        connection.settimeout(PATIENCE)
        data, descriptors, _, _ = socket.recv_fds(connection, 65536, 3)
        while (head := parse_head(data)) is None:
            data += connection.recv(65536)
        assert head.size == len(data)
        self.variables = head.variables
        self.content_length = head.content_length
        self.stdin, self.errors, self.status = descriptors

    def close(self, status: int | None = None) -> None:
        """End as a pool does when it has reaped the child; None: as one that dies."""
        if status is not None:
            os.write(self.status, b"%d\n" % status)
        for descriptor in (self.stdin, self.errors, self.status):
            os.close(descriptor)
        self.connection.close()


async def accept(listener: socket.socket) -> Played:
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(listener)
    return await loop.run_in_executor(None, Played, connection)


def test_it_is_a_runner(pool: str) -> None:
    async def test(runner: PoolRunner) -> None:
        seam: Runner = runner
        assert seam is runner

    check(test, pool)


def test_a_script_has_a_process_of_its_own(tmp_path: Path, pool: str) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, sys
        print("Content-Type: text/plain\\n")
        print(os.environ["NAME"], sys.argv[1:], os.getcwd(), os.getppid())
        print("HTTPOUT_CGI_RUN" in os.environ, "CONTENT_LENGTH" in os.environ)
        """,
    )

    async def test(runner: PoolRunner) -> None:
        invocation = describe(path, environment={"NAME": "ü"}, arguments=("a", "b"))
        run: Run = runner.start(invocation)
        assert not run.ended
        text = (await read_all(run)).decode()
        assert text.startswith(f"Content-Type: text/plain\n\nü ['a', 'b'] {tmp_path} ")
        assert text.endswith("\nFalse False\n")
        assert str(os.getpid()) not in text
        assert run.ended
        assert run.failure is None
        assert await run.read() == b""

    check(test, pool)


def test_flushed_output_comes_before_the_end(tmp_path: Path, pool: str) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    path = save(
        tmp_path / "a.py",
        f'print("first", flush=True)\nopen("{gate}").close()\nprint("second")',
    )

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        assert await run.read() == b"first\n"
        assert not run.ended
        gate.write_text("")
        assert await read_all(run) == b"second\n"

    check(test, pool)


def in_memory() -> BinaryIO:
    return BytesIO(b"content" * 1000)


def on_disk() -> BinaryIO:
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  the run closes it
    file.write(b"content" * 1000)
    file.seek(0)
    return file


@pytest.mark.parametrize("make", [in_memory, on_disk])
def test_the_content_is_seekable_and_ends(
    tmp_path: Path, pool: str, make: Callable[[], BinaryIO]
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, sys
        print(sys.stdin.seekable(), sys.stdin.read() == "content" * 1000)
        sys.stdin.seek(0)
        print(len(sys.stdin.read()), os.environ["CONTENT_LENGTH"])
        """,
    )

    async def test(runner: PoolRunner) -> None:
        stdin = make()
        invocation = describe(path, environment={"CONTENT_LENGTH": "7000"}, stdin=stdin)
        run = runner.start(invocation)
        assert stdin.closed
        assert await read_all(run) == b"True True\n7000 7000\n"

    check(test, pool)


def test_content_stays_in_a_file_where_memory_has_none(
    tmp_path: Path, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    path = save(tmp_path / "a.py", "import sys\nprint(sys.stdin.read())")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path, stdin=BytesIO(b"content")))
        assert await read_all(run) == b"content\n"

    check(test, pool)


def test_errors_are_logged_and_kept_for_a_failure(
    tmp_path: Path, pool: str, caplog: Notes
) -> None:
    path = save(tmp_path / "a.py", "1/0")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        assert await read_all(run) == b""
        assert run.failure is not None
        assert run.failure.startswith("Traceback (most recent call last):\n")
        assert run.failure.endswith("ZeroDivisionError: division by zero\n")

    with caplog.at_level(logging.INFO, "httpout_cgi.script"):
        check(test, pool)
    tag = TAG.format("a.py")
    assert f"{tag}ZeroDivisionError: division by zero" in caplog.messages
    assert f"{tag}exit code 1" in caplog.messages


def test_only_the_end_of_long_errors_is_kept(
    tmp_path: Path, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else the end of a run waits only a moment for what is in the pipe.
    monkeypatch.setattr(output_pipe, "_LAST_SECONDS", PATIENCE)
    source = 'import sys\nfor n in range(2000): print("line", n, file=sys.stderr)'
    path = save(tmp_path / "a.py", source)

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        assert await read_all(run) == b""
        assert run.failure is not None
        assert run.failure.endswith("line 1998\nline 1999\n")
        assert 8000 < len(run.failure) <= 8192

    check(test, pool)


def test_a_page_with_errors_has_not_failed(tmp_path: Path, pool: str) -> None:
    path = save(tmp_path / "a.py", HEAD + "1/0")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        assert await read_all(run) == b"Content-Type: text/plain\n\n"
        assert run.failure is None

    check(test, pool)


KILL = "import os, signal\n{}\nos.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.mark.parametrize(
    "output", ["", "print('Content-Type: text/plain', flush=True)"], ids=repr
)
def test_a_run_that_is_killed_without_a_head_is_a_bad_gateway(
    tmp_path: Path, pool: str, output: str, caplog: Notes
) -> None:
    path = save(tmp_path / "a.py", KILL.format(output))

    async def test(runner: PoolRunner) -> None:
        error = await fail(runner.start(describe(path)))
        assert error.status == HTTPStatus.BAD_GATEWAY

    check(test, pool)
    assert f"{TAG.format('a.py')}killed by signal 9 (SIGKILL)" in caplog.messages


def test_a_page_that_is_killed_stays_as_it_is(
    tmp_path: Path, pool: str, caplog: Notes
) -> None:
    path = save(tmp_path / "a.py", KILL.format(HEAD + "print('x', flush=True)"))

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        assert await read_all(run) == b"Content-Type: text/plain\n\nx\n"

    check(test, pool)
    assert f"{TAG.format('a.py')}killed by signal 9 (SIGKILL)" in caplog.messages


def test_a_run_over_its_time_limit_is_ended(tmp_path: Path, pool: str) -> None:
    path = save(tmp_path / "a.py", "while True: pass")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path, timeout=0.2))
        error = await fail(run)
        assert error.status == HTTPStatus.GATEWAY_TIMEOUT
        assert await run.read() == b""

    check(test, pool)


def test_a_closed_run_is_ended(tmp_path: Path, pool: str) -> None:
    told = tmp_path / "told"
    path = save(
        tmp_path / "a.py",
        f"""
        import signal, sys, time
        def end(*_):
            open("{told}", "w").close()
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("x", flush=True)
        time.sleep(60)
        """,
    )

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        assert await run.read() == b"x\n"
        run.close()
        run.close()
        assert await run.read() == b""
        assert run.ended
        await until(told.exists)

    check(test, pool)


def test_a_writer_waits_for_its_reader(tmp_path: Path, pool: str) -> None:
    size = 3_000_000
    path = save(
        tmp_path / "a.py",
        f'import sys\nsys.stdout.write("x" * {size})\nsys.stdout.flush()\n'
        'print("done", file=sys.stderr)\n',
    )

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        total, largest = 0, 0
        while not run.ended:
            await asyncio.sleep(0.001)
            data = await run.read()
            total += len(data)
            largest = max(largest, len(data))
        assert total == size
        assert largest <= 2 * UNREAD_LIMIT

    check(test, pool)


def test_many_runs_never_see_each_other(tmp_path: Path, pool: str) -> None:
    path = save(
        tmp_path / "a.py", "import os, sys\nprint(os.environ['N'], sys.stdin.read())"
    )

    async def test(runner: PoolRunner) -> None:
        runs = [
            runner.start(
                describe(path, environment={"N": str(n)}, stdin=BytesIO(b"%d" % n))
            )
            for n in range(60)
        ]
        texts = await asyncio.gather(*map(read_all, runs))
        assert texts == [b"%d %d\n" % (n, n) for n in range(60)]

    check(test, pool)


def test_a_full_queue_is_refused(tmp_path: Path, listener: socket.socket) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        first = runner.start(describe(path))
        stdin = BytesIO(b"content")
        with pytest.raises(HTTPError) as caught:
            runner.start(describe(path, stdin=stdin))
        assert caught.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert dict(caught.value.fields)["Retry-After"]
        assert stdin.closed
        first.close()
        (await accept(listener)).close()
        runner.start(describe(path)).close()
        (await accept(listener)).close()

    check(test, listener.getsockname(), queue=1)


@pytest.mark.parametrize("address", ["", "/nowhere/pool.sock"])
def test_no_pool_is_unavailable(tmp_path: Path, address: str) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        stdin = BytesIO(b"content")
        error = await fail(runner.start(describe(path, stdin=stdin)))
        assert error.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert dict(error.fields)["Retry-After"]
        assert stdin.closed

    check(test, address)


@pytest.mark.parametrize("function", ["_open_memory", "open_head_file"])
def test_a_run_that_has_no_descriptors_is_unavailable(
    tmp_path: Path,
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
) -> None:
    path = save(tmp_path / "a.py", "")

    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    async def test(runner: PoolRunner) -> None:
        stdin = BytesIO(b"content")
        monkeypatch.setattr(pool_request, function, refuse)
        with pytest.raises(HTTPError) as caught:
            runner.start(describe(path, stdin=stdin, output="page"))
        assert caught.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert stdin.closed

    check(test, listener.getsockname())


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.py", "")
    monkeypatch.setattr(
        pool_request, "_open_memory", lambda: os.open("/dev/full", os.O_WRONLY)
    )

    async def test(runner: PoolRunner) -> None:
        with pytest.raises(HTTPError) as caught:
            runner.start(describe(path, stdin=BytesIO(b"content")))
        assert "No space left" in caught.value.reason

    check(test, listener.getsockname())


def test_a_pool_gets_all_of_a_long_head(
    tmp_path: Path, listener: socket.socket
) -> None:
    path = save(tmp_path / "a.py", "")
    long = "x" * 900_000  # more than a socket takes at once

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path, environment={"LONG": long}))
        played = await accept(listener)
        assert played.variables["LONG"] == long
        extras = json.loads(played.variables["HTTPOUT_CGI_RUN"])
        mask = os.umask(0o022)
        os.umask(mask)
        assert extras == {"timeout": 20.0, "arguments": [], "umask": mask}
        assert played.content_length == 0
        played.close(0)
        assert await run.read() == b""

    check(test, listener.getsockname())


@pytest.mark.parametrize("is_read", [True, False])
def test_a_long_head_that_nobody_reads_to_its_end(
    tmp_path: Path, listener: socket.socket, is_read: bool
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path, environment={"LONG": "x" * 900_000}))
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        if is_read:
            run.close()
        connection.close()
        if not is_read:
            error = await fail(run)
            assert error.status == HTTPStatus.SERVICE_UNAVAILABLE

    check(test, listener.getsockname())


def test_a_pool_that_says_nothing_is_unavailable(
    tmp_path: Path, listener: socket.socket
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        (await accept(listener)).close()
        error = await fail(run)
        assert error.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert dict(error.fields)["Retry-After"]

    check(test, listener.getsockname())


@pytest.mark.parametrize("output", ["cgi", "page"])
def test_a_pool_that_dies_meanwhile_is_a_bad_gateway(
    tmp_path: Path, listener: socket.socket, output: OutputMode
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path, output=output))
        played = await accept(listener)
        played.connection.send(b"A: b\n\nsome")
        head = {"page": b"Content-Type: text/html; charset=utf-8\n\n"}
        assert await run.read() == head.get(output, b"") + b"A: b\n\nsome"
        # Somebody holds the pipe open, without a word.
        duplicate = os.dup(played.status)
        played.close()
        error = await fail(run)
        os.close(duplicate)
        assert error.status == HTTPStatus.BAD_GATEWAY

    check(test, listener.getsockname())


def test_the_beginning_waits_a_moment_for_the_end(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_run, "_LINGER_SECONDS", PATIENCE)
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        played = await accept(listener)
        reading = asyncio.create_task(run.read())
        await asyncio.sleep(0)
        played.connection.send(b"A: b\n\npage")
        await until(lambda: run._chunks)
        await asyncio.sleep(0)
        assert not reading.done()
        played.close(0)
        assert await reading == b"A: b\n\npage"
        assert run.ended

    check(test, listener.getsockname())


def test_the_last_words_belong_to_the_failure(
    tmp_path: Path, listener: socket.socket
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        played = await accept(listener)
        os.write(played.errors, b"reason")
        played.close(256)
        assert await run.read() == b""
        assert run.failure == "reason\n"

    check(test, listener.getsockname())


def test_what_was_said_before_a_head_is_no_failure(
    tmp_path: Path, listener: socket.socket, caplog: Notes
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        played = await accept(listener)
        os.write(played.errors, b"hint\n")
        await until(lambda: caplog.messages)
        played.connection.send(b"A: b\n\npage")
        played.close(256)
        assert await read_all(run) == b"A: b\n\npage"
        assert run.failure is None

    check(test, listener.getsockname())


@pytest.mark.parametrize(
    ("timeout", "output", "status"),
    [
        pytest.param(20.0, b"", HTTPStatus.BAD_GATEWAY, id="early"),
        pytest.param(0.0, b"", HTTPStatus.GATEWAY_TIMEOUT, id="late"),
        pytest.param(
            0.0, b"A: b\n\ncut", HTTPStatus.GATEWAY_TIMEOUT, id="late, in the content"
        ),
    ],
)
def test_a_signal_at_the_time_limit_is_the_pools(
    tmp_path: Path,
    listener: socket.socket,
    timeout: float,
    output: bytes,
    status: HTTPStatus,
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path, timeout=20))
        played = await accept(listener)
        if not timeout:
            run._deadline.cancel()
            run._deadline = asyncio.get_running_loop().call_later(0, lambda: None)
            await asyncio.sleep(0)
        played.connection.sendall(output)
        played.close(64)  # no signal that has a name
        error = await fail(run)
        assert error.status == status

    check(test, listener.getsockname())


def fill(listener: socket.socket) -> list[socket.socket]:
    """Fill the backlog."""
    waiting = []
    while True:
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        waiting.append(connection)
        try:
            connection.connect(listener.getsockname())
        except BlockingIOError:
            return waiting


def test_a_full_backlog_is_tried_again(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.py", "")
    attempts = 0
    ask = PoolConnection.ask

    def count(connection: PoolConnection, directory: Directory) -> None:
        nonlocal attempts
        attempts += 1
        ask(connection, directory)

    monkeypatch.setattr(PoolConnection, "ask", count)

    async def test(runner: PoolRunner) -> None:
        waiting = fill(listener)
        run = runner.start(describe(path))
        await until(lambda: attempts > 2)
        for connection in waiting[:-1]:
            listener.accept()[0].close()
            connection.close()
        waiting[-1].close()
        played = await accept(listener)
        played.connection.send(b"done")
        played.close(0)
        assert await read_all(run) == b"done"

    check(test, listener.getsockname())


@pytest.mark.parametrize("ends", ["by time", "by close"])
def test_a_backlog_may_stay_full(
    tmp_path: Path, listener: socket.socket, ends: str
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        waiting = fill(listener)
        run = runner.start(describe(path, timeout=0.1))
        if ends == "by close":
            run.close()
            assert run.ended
        else:
            error = await fail(run)
            assert error.status == HTTPStatus.SERVICE_UNAVAILABLE
            assert "waited" in error.reason
        for connection in waiting:
            connection.close()

    check(test, listener.getsockname())


def test_shutdown_waits_for_what_runs(tmp_path: Path, listener: socket.socket) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        played = await accept(listener)
        waiting = asyncio.create_task(runner.shutdown(PATIENCE))
        await asyncio.sleep(0)
        assert not waiting.done()
        played.close(0)
        assert await run.read() == b""
        await waiting

    check(test, listener.getsockname())


def test_shutdown_ends_what_stays(tmp_path: Path, listener: socket.socket) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        played = await accept(listener)
        await runner.shutdown(0.01)
        error = await fail(run)
        assert error.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert played.connection.recv(1) == b""
        played.close()

    check(test, listener.getsockname())


@pytest.mark.parametrize("ends", ["by itself", "by close", "by failure"])
def test_a_run_that_is_over_needs_no_collector(
    tmp_path: Path, listener: socket.socket, ends: str
) -> None:
    path = save(tmp_path / "a.py", "")

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path))
        played = await accept(listener)
        if ends == "by itself":
            played.connection.send(b"done")
            played.close(0)
            assert await read_all(run) == b"done"
        else:
            if ends == "by failure":
                run.fail(HTTPError(HTTPStatus.BAD_GATEWAY, "reason"))
            run.close()
            played.close()
        await asyncio.sleep(0)  # what the loop had in its hands
        remembered, errors = weakref.ref(run), weakref.ref(run._errors)
        del run
        assert remembered() is None
        # Else somebody may still write there.
        assert errors() is None or ends != "by itself"

    gc.disable()
    try:
        check(test, listener.getsockname())
    finally:
        gc.enable()


def write_program(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    path.chmod(0o755)
    return path


def test_a_shell_script_is_run_by_its_shebang(tmp_path: Path, pool: str) -> None:
    path = write_program(
        tmp_path / "a.sh",
        """\
        #!/bin/sh
        printf 'Content-Type: text/plain\\n\\n'
        echo "$NAME $1 $(pwd)"; cat; echo oops >&2
        """,
    )

    async def test(runner: PoolRunner) -> None:
        invocation = describe(
            path,
            environment={"NAME": "n", "CONTENT_LENGTH": "4"},
            arguments=("word",),
            stdin=BytesIO(b"body"),
        )
        text = (await read_all(runner.start(invocation))).decode()
        assert text == f"Content-Type: text/plain\n\nn word {tmp_path}\nbody"

    check(test, pool)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler")
def test_a_compiled_program_runs(tmp_path: Path, pool: str) -> None:
    source = save(
        tmp_path / "a.c",
        """
        #include <stdio.h>
        #include <stdlib.h>
        int main(void) {
            printf("Content-Type: text/plain\\n\\n%s\\n", getenv("NAME"));
            return 3;
        }
        """,
    )
    path = tmp_path / "a.cgi"
    subprocess.run(["cc", "-o", path, source], check=True)

    async def test(runner: PoolRunner) -> None:
        run = runner.start(describe(path, environment={"NAME": "compiled"}))
        assert await read_all(run) == b"Content-Type: text/plain\n\ncompiled\n"

    check(test, pool)


# --- pools of accounts

ALICE = Owner("alice", 1000)


class Accounts:
    """A directory that is told what to say next."""

    def __init__(self, *answers: tuple[str, str]) -> None:
        self.answers = [*answers]
        self.forgotten: list[Owner | str] = []

    def find(self, whose: Owner | str | None, tell: Callable[[str, str], None]) -> None:
        assert whose == ALICE
        asyncio.get_running_loop().call_soon(tell, *self.answers.pop(0))

    def forget(self, whose: Owner | str) -> None:
        self.forgotten.append(whose)


def describe_for_alice(path: Path) -> Invocation:
    invocation = describe(path)
    mount = replace(invocation.script.mount, owner=ALICE)
    return invocation._replace(script=invocation.script._replace(mount=mount))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("", HTTPStatus.SERVICE_UNAVAILABLE),
        ("no-pool", HTTPStatus.SERVICE_UNAVAILABLE),
        ("too-many-pools", HTTPStatus.SERVICE_UNAVAILABLE),
        ("unknown-account", HTTPStatus.NOT_FOUND),
        ("denied-account", HTTPStatus.NOT_FOUND),
    ],
)
def test_an_account_without_a_pool(
    tmp_path: Path, word: str, status: HTTPStatus
) -> None:
    path = save(tmp_path / "a.py", "")

    async def main() -> None:
        runner = PoolRunner(asyncio.get_running_loop(), Accounts(("", word)))
        error = await fail(runner.start(describe_for_alice(path)))
        assert error.status == status

    asyncio.run(main())


def test_a_pool_that_has_left_is_asked_for_once_more(
    tmp_path: Path, listener: socket.socket
) -> None:
    path = save(tmp_path / "a.py", "")

    async def main() -> None:
        directory = Accounts(("/nowhere", ""), (listener.getsockname(), ""))
        runner = PoolRunner(asyncio.get_running_loop(), directory)
        run = runner.start(describe_for_alice(path))
        played = await accept(listener)
        assert directory.forgotten == [ALICE]
        played.connection.send(b"done")
        played.close(0)
        assert await read_all(run) == b"done"
        directory.answers = [("/nowhere", ""), ("/nowhere", "")]
        error = await fail(runner.start(describe_for_alice(path)))
        assert error.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert "cannot be reached" in error.reason

    asyncio.run(main())


def test_a_run_that_was_closed_meanwhile_is_not_sent(
    tmp_path: Path, listener: socket.socket
) -> None:
    path = save(tmp_path / "a.py", "")

    async def main() -> None:
        directory = Accounts((listener.getsockname(), ""))
        runner = PoolRunner(asyncio.get_running_loop(), directory)
        runner.start(describe_for_alice(path)).close()
        await asyncio.sleep(0)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("refused not-owner: /x", HTTPStatus.FORBIDDEN),
        ("refused missing-script: /x", HTTPStatus.NOT_FOUND),
    ],
)
def test_what_a_pool_refuses(
    tmp_path: Path, listener: socket.socket, text: str, status: HTTPStatus
) -> None:
    path = save(tmp_path / "a.py", "")

    async def main() -> None:
        directory = Accounts((listener.getsockname(), ""))
        runner = PoolRunner(asyncio.get_running_loop(), directory)
        run = runner.start(describe_for_alice(path))
        played = await accept(listener)
        os.write(played.status, text.encode())
        played.close()
        error = await fail(run)
        assert (error.status, error.reason) == (status, text.partition(" ")[2])

    asyncio.run(main())


def test_an_account_has_a_part_of_the_queue(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "")

    async def main() -> None:
        directory = Accounts(*[("", "no-pool")] * 3)
        runner = PoolRunner(asyncio.get_running_loop(), directory, queue=8)
        runs = [runner.start(describe_for_alice(path)) for _ in range(2)]
        with pytest.raises(HTTPError, match="503 the queue for processes is full"):
            runner.start(describe_for_alice(path))
        for run in runs:
            run.close()
        runner.start(describe_for_alice(path)).close()

    asyncio.run(main())
