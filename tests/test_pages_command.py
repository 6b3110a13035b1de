"""``httpout-cgi [OPTIONS] DOCUMENT_ROOT``: httpout's options, and what they mean."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import click
import pytest

from httpout_cgi import pages_command
from httpout_cgi.config import Config
from httpout_cgi.errors import ConfigError
from tests.live import PATIENCE, ROOT, URL, Lines
from tests.test_supervisor import has_ended, wait_until


@click.command()
@pages_command.add_options
def _command(**_: object) -> None:
    """Only parse."""


def load(root: Path, arguments: Sequence[str]) -> Config:
    context = _command.make_context("test", list(arguments))
    return pages_command.load(root, context.params)


OPTIONS = [
    pytest.param([], "listen[0].address", "127.0.0.1:8000", id="default"),
    pytest.param(["--port", "80"], "listen[0].address", "127.0.0.1:80", id="port"),
    pytest.param(["--host", "::1"], "listen[0].address", "[::1]:8000", id="IPv6"),
    pytest.param(
        ["--bind", "127.0.0.1:1,:2"], "listen[1].address", "0.0.0.0:2", id="bind"
    ),
    pytest.param(["--bind", "/x/y"], "listen[0].address", "unix:/x/y", id="socket"),
    pytest.param(["--worker-num", "3"], "workers", 3, id="workers"),
    pytest.param(["--worker-num", "0"], "workers", 1, id="no workers"),
    pytest.param(["--thread-pool-size", "5"], "threads", 5, id="threads"),
    pytest.param(
        ["--directory-index", "a.py,b.html"],
        "sites[0].index",
        ("a.py", "b.html"),
        id="index",
    ),
    pytest.param(["--debug"], "debug", True, id="debug"),
    pytest.param(["--log-level", "ERROR"], "log.error.level", "error", id="level"),
    pytest.param(["--log-fmt", "%(msecs)d"], "log.error.format", "%(msecs)d", id="fmt"),
    pytest.param(["--log-fmt", ""], "log.error.format", "%(message)s", id="empty fmt"),
    pytest.param([], "log.error.format", None, id="default fmt"),
    pytest.param(["--limit-memory", "9"], "worker_memory", 9216, id="memory"),
    pytest.param(["--limit-memory", "0"], "worker_memory", None, id="any memory"),
    pytest.param(["--shutdown-timeout", "0"], "shutdown_timeout", 0, id="at once"),
    pytest.param([], "shutdown_timeout", 30, id="default timeout"),
    pytest.param(["--loop", "uvloop.Loop"], "loop", "uvloop", id="uvloop"),
    pytest.param(["--loop", "asyncio"], "loop", "asyncio", id="asyncio"),
    pytest.param(
        ["--client-max-body-size", "10"], "limits.request_body", 10, id="body"
    ),
    pytest.param([], "limits.request_body", 2 * 1024 * 1024, id="default body"),
    pytest.param([], "queue", 8192, id="queue"),
    pytest.param([], "limits.connections", 8192, id="connections"),
    pytest.param([], "sites[0].scripts[0].output", "page", id="pages"),
    pytest.param([], "sites[0].scripts[0].pass_authorization", True, id="password"),
    pytest.param(
        ["--no-ws"], "sites[0].scripts[0].websocket", False, id="no WebSocket"
    ),
]


@pytest.mark.parametrize(("arguments", "name", "value"), OPTIONS)
def test_what_options_mean(
    tmp_path: Path, arguments: list[str], name: str, value: object
) -> None:
    found: object = load(tmp_path, arguments)
    for part in name.replace("[", ".").replace("]", "").split("."):
        if part.isdecimal():
            assert isinstance(found, tuple)
            found = found[int(part)]
        else:
            found = getattr(found, part)
    assert found == value


REFUSED = [
    pytest.param(["--loop", "trio"], ["--loop: trio: not"], id="loop"),
    pytest.param(["--log-level", "LOUD"], ['--log-level: "loud" is'], id="level"),
    pytest.param(["--ssl-cert", "x"], ["--ssl-cert: ", "--ssl-key: "], id="TLS"),
    pytest.param(["--ssl-key", "x"], ["--ssl-cert: ", "--ssl-key: "], id="key"),
    pytest.param(
        ["--port", "99999"],
        ['--bind (or --host and --port): "127.0.0.1:99999" is no'],
        id="port",
    ),
    pytest.param(["--worker-num", "-1"], ["--worker-num: must be"], id="workers"),
    pytest.param(["--thread-pool-size", "-1"], ["--thread-pool-size: "], id="threads"),
    pytest.param(
        ["--client-max-body-size", "-1"],
        ["--client-max-body-size (in bytes): must"],
        id="body",
    ),
    pytest.param(["--limit-memory", "-1"], ["--limit-memory (in KiB): "], id="memory"),
    pytest.param(
        ["--shutdown-timeout", "-1"], ["--shutdown-timeout (in seconds): "], id="time"
    ),
    pytest.param(
        ["--shutdown-timeout", "86401"], ["--shutdown-timeout (in s"], id="too long"
    ),
    pytest.param(["--log-fmt", "%(x)s"], ['--log-fmt: "%(x)s" is no'], id="field"),
    pytest.param(["--log-fmt", "plain"], ['--log-fmt: "plain" is no'], id="no field"),
    pytest.param(["--log-fmt", "%(message)d"], ["--log-fmt: "], id="wrong type"),
    pytest.param(["--log-fmt", "%(thread)c"], ["--log-fmt: "], id="too large"),
    pytest.param(["--log-fmt", "%(message)s %!"], ["--log-fmt: "], id="syntax"),
    pytest.param(["--directory-index", "a/b"], ["--directory-index: "], id="index"),
]


@pytest.mark.parametrize(("arguments", "texts"), REFUSED)
def test_what_cannot_be_is_an_error(
    tmp_path: Path, arguments: list[str], texts: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, arguments)
    problems = caught.value.problems
    assert len(problems) == len(texts), problems
    assert all(map(str.startswith, problems, texts)), problems


def test_a_folder_that_is_missing_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "missing", [])
    text = f'DOCUMENT_ROOT: "{tmp_path}/missing" does not exist; '
    assert [one[: len(text)] for one in caught.value.problems] == [text]


LINES = [
    pytest.param(["folder"], True, id="folder"),
    pytest.param(["--debug", "folder"], True, id="common option"),
    pytest.param(["--port", "80", "folder"], True, id="option of pages"),
    pytest.param([], False, id="nothing"),
    pytest.param(["check"], False, id="command"),
    pytest.param(["--config", "folder"], False, id="option with a value"),
    pytest.param(["--config=x", "folder"], True, id="option with equals sign"),
    pytest.param(["--help"], False, id="help"),
]


@pytest.mark.parametrize(("arguments", "is_for_pages"), LINES)
def test_a_folder_takes_the_place_of_a_command(
    arguments: list[str], is_for_pages: bool
) -> None:
    group = click.Group(
        params=[click.Option(["--config"]), click.Option(["--debug"], is_flag=True)],
        commands={"check": click.Command("check")},
    )
    assert pages_command.is_for_pages(arguments, group) is is_for_pages


@contextmanager
def serve(folder: Path, *options: str) -> Iterator[tuple[str, Lines]]:
    """Serve a folder; yield the URL, and what comes to standard error."""
    command = [sys.executable, "-m", "httpout_cgi", "--port", "0", *options]
    process = subprocess.Popen(
        [*command, str(folder), "--debug"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    output, errors = Lines(process.stdout), Lines(process.stderr)
    try:
        yield output.wait_for(URL)[0], errors
    finally:
        process.terminate()
        process.wait(PATIENCE)
        output.close()
        errors.close()
    assert process.returncode == 0


def get(url: str) -> bytes:
    with urlopen(url, timeout=PATIENCE) as response:
        return bytes(response.read())


def test_a_folder_of_pages_is_served(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text("print('hello')")
    source = "from httpout import app\napp.on_worker_start(print)\n"
    (tmp_path / "__globals__.py").write_text(source)
    with serve(tmp_path) as (url, errors):
        assert get(f"{url}hello.py") == b"hello\n"
    assert "middleware" not in errors.text


# Not getpid(): a page that asks for it has a process.
GROW = """\
import os
from httpout import globals as shared
print(os.path.exists("/proc/self") and os.readlink("/proc/self"))
if os.environ["QUERY_STRING"] == "grow":
    shared.kept = b"x" * (256 << 20)
if os.environ["QUERY_STRING"] == "stuck":
    import time
    time.sleep(600)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="Linux only")
def test_a_worker_with_too_much_memory_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(GROW)
    options = "--limit-memory", "250000", "--log-fmt", "<%(levelname)s> %(message)s"
    with serve(tmp_path, *options) as (url, errors):
        old = get(f"{url}page.py")
        assert get(f"{url}page.py?grow") == old
        log = r"(?m)^<WARNING> \d+ KiB is more than worker_memory: this worker asks"
        errors.wait_for(log)
        wait_until(lambda: get(f"{url}page.py") != old, "the worker is not replaced")
        wait_until(lambda: has_ended(int(old)), "the worker does not leave")
    assert errors.text.count("is more than worker_memory") == 1


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="Linux only")
def test_a_worker_ends_what_runs_after_the_shutdown_timeout(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(GROW)
    with (
        serve(tmp_path, "--shutdown-timeout", "0") as (url, _),
        urlopen(f"{url}page.py?stuck", timeout=PATIENCE) as page,
    ):
        worker = int(page.readline())
        # Not the server: it would kill the worker soon.
        os.kill(worker, signal.SIGTERM)
        wait_until(lambda: has_ended(worker), "the worker does not end")


# Longer than the server waits when it has given up its workers.
FINISH = """\
import time
print("begun")
time.sleep(2.5)
print("finished")
"""


def test_a_stop_waits_for_what_runs(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(FINISH)
    with serve(tmp_path) as (url, _):
        page = urlopen(f"{url}page.py", timeout=PATIENCE)
        assert page.readline() == b"begun\n"
    assert page.read() == b"finished\n"
    page.close()


MEET = """\
import asyncio, os, threading, time
from httpout import globals as shared

while not os.path.exists("go.txt"):
    time.sleep(0.01)
here = shared.__dict__.setdefault("here", [])
here.append(threading.get_native_id())

async def meet():
    while len(here) < 500:
        await asyncio.sleep(0.1)
    print("threads:", len(set(here)))

run(meet())
"""


def test_500_pages_that_wait_at_once_share_two_threads(tmp_path: Path) -> None:
    (tmp_path / "meet.py").write_text(MEET)
    (tmp_path / "last.txt").write_text("last")
    request = b"GET /meet.py HTTP/1.0\r\n\r\n"
    with ExitStack() as stack:
        url, _ = stack.enter_context(serve(tmp_path, "--thread-pool-size", "2"))
        parts = urlsplit(url)
        clients = []
        for _ in range(500):
            address = parts.hostname, parts.port
            client = socket.create_connection(address, PATIENCE)
            clients.append(stack.enter_context(client))
            client.sendall(request)
        # What was asked before waits for a thread by now.
        assert get(f"{url}last.txt") == b"last"
        (tmp_path / "go.txt").touch()
        bodies = {read_all(client).partition(b"\r\n\r\n")[2] for client in clients}
    assert bodies <= {b"threads: 1\n", b"threads: 2\n"}


def read_all(client: socket.socket) -> bytes:
    with client.makefile("rb") as stream:
        return stream.read()
