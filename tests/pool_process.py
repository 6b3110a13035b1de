"""A real pool process for tests, and a client that talks to it as a worker does."""

import array
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from httpout_cgi.protocol.scgi import encode_head
from tests.live import PATIENCE, ROOT, Lines

START = (
    f"import sys; sys.path.append({str(ROOT)!r})\n"
    "from httpout_cgi.processes import pool; sys.exit(pool.main())"
)
QUIET = {"idle": None, "processes": 4}


@dataclass
class Answer:
    """``status`` is what waitpid() gave the pool, None if a worker was not told."""

    output: bytes
    log: str
    status: int | None

    @property
    def exit_code(self) -> int:
        assert self.status is not None
        return os.waitstatus_to_exitcode(self.status)


class Request:
    """A request under way; a worker's, if it has descriptors."""

    def __init__(
        self,
        connection: socket.socket,
        errors: BinaryIO | None = None,
        status: BinaryIO | None = None,
    ) -> None:
        self.connection = connection
        self._errors = errors
        self._status = status

    def read(self) -> Answer:
        """Wait for the end, and return all that there is."""
        output = b""
        while data := self.connection.recv(65536):
            output += data
        self.connection.close()
        if self._errors is None or self._status is None:
            return Answer(output, "", None)
        with self._errors, self._status:
            log, status = self._errors.read().decode(), self._status.read()
        told = status.lstrip(b"?")  # what a kept child says first
        return Answer(output, log, int(told) if told else None)

    def close(self) -> None:
        self.connection.close()
        for pipe in (self._errors, self._status):
            if pipe is not None:
                pipe.close()


@contextlib.contextmanager
def one_fork_refused(folder: Path) -> Iterator[str]:
    """Yield the name of a module to preload, for pools that are started meanwhile."""
    # Stands for EAGAIN, which root does not get from a limit.
    (folder / "refusal.py").write_text(
        "import errno, os\n"
        "fork = os.fork\n"
        "def refuse():\n"
        "    os.fork = fork\n"
        "    raise OSError(errno.EAGAIN, 'no more processes')\n"
        "os.fork = refuse\n"
    )
    os.environ["PYTHONPATH"] = str(folder)
    try:
        yield "refusal"
    finally:
        del os.environ["PYTHONPATH"]


class PoolProcess:
    """``lines`` is what it writes to standard error."""

    def __init__(
        self, folder: Path, settings: Mapping[str, object], python: str
    ) -> None:
        self.address = str(folder / "pool.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.address)
        self.listener.listen(128)
        told = json.dumps({**QUIET, **settings})
        self.command = [python, "-c", START, told]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            stdin=self.listener.fileno(),
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        assert self.process.stderr is not None
        self.lines = Lines(self.process.stderr)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self.address)
        return connection

    def send(
        self,
        script: Path | str,
        variables: Mapping[str, str] | None = None,
        content: bytes = b"",
        arguments: Sequence[str] = (),
        **extras: object,
    ) -> Request:
        """Send a request as a worker does."""
        told = {"has_content": bool(content), "timeout": 60, "umask": 0o27, **extras}
        variables = {
            "CONTENT_LENGTH": str(len(content)),
            "SCRIPT_FILENAME": str(script),
            **(variables or {}),
            "HTTPOUT_CGI_RUN": json.dumps({"arguments": list(arguments), **told}),
        }
        connection = self.connect()
        (errors, their_errors), (status, their_status) = os.pipe(), os.pipe()
        with tempfile.TemporaryFile() as spool:
            spool.write(content)
            spool.seek(0)
            theirs = [spool.fileno(), their_errors, their_status]
            head = encode_head(variables)
            size = socket.send_fds(connection, [head], theirs)
            if size < len(head):
                connection.sendall(head[size:])
        os.close(their_errors)
        os.close(their_status)
        return Request(connection, os.fdopen(errors, "rb"), os.fdopen(status, "rb"))

    def ask(self, script: Path | str, *rest: object, **extras: object) -> Answer:
        """Send a request, and return the answer."""
        return self.send(script, *rest, **extras).read()  # type: ignore[arg-type]

    def ask_plainly(self, variables: Mapping[str, str], content: bytes = b"") -> Answer:
        """Ask as another server does: no descriptors, all through the socket."""
        connection = self.connect()
        length = {"CONTENT_LENGTH": str(len(content))}
        connection.sendall(encode_head({**length, **variables}) + content)
        return Request(connection).read()

    def ask_cut_off(self, path: Path) -> None:
        """Send less content than was promised: the script must not be run."""
        variables = {"SCRIPT_FILENAME": str(path), "CONTENT_LENGTH": "10"}
        with self.connect() as connection:
            connection.sendall(encode_head(variables) + b"less")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
        self.lines.wait_for(
            re.escape(f"{path}: cannot be started: the content is cut off")
        )

    def leave(self) -> int:
        """Wait until it has left; return its exit code."""
        code = self.process.wait(PATIENCE)
        self.lines.close()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
        self.leave()
        self.listener.close()


@contextlib.contextmanager
def pool_process(
    python: str = sys.executable, **settings: object
) -> Iterator[PoolProcess]:
    """Start a pool, in a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="pool") as folder:
        pool = PoolProcess(Path(folder), settings, python)
        try:
            yield pool
        finally:
            pool.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs: one that nobody has reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def find_python(version: str) -> str | None:
    """Return the path of another Python, if it is installed."""
    folders = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"))
    for name in (f"python{version}", *map(str, folders)):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            told = subprocess.run(
                [name, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=True,
            )
            if told.stdout.strip() == version:
                return name
    return None


def save(path: Path, source: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source).lstrip("\n"), "utf-8")
    path.chmod(mode)
    return path


def send_descriptors(
    connection: socket.socket, data: bytes, numbers: list[int]
) -> None:
    """Send descriptors with the first byte."""
    payload = array.array("i", numbers)
    connection.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, payload)])
