"""Run scripts in this thread, without a server."""

from __future__ import annotations

import os
import textwrap
import threading
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Callable, Iterator, Sequence

from httpout_cgi.interpreter import context
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute
from httpout_cgi.interpreter.run_context import RunContext

CACHE = CodeCache()


class Pipes:
    """Reads what runs write to descriptors 1 and 2, in a thread for each pipe."""

    def __init__(
        self, write: Callable[[bytes], object], write_error: Callable[[bytes], object]
    ) -> None:
        self._sinks = {1: write, 2: write_error}
        self._threads: list[threading.Thread] = []

    def open(self, number: int) -> int:
        """Return the write end of a new pipe."""
        read_end, write_end = os.pipe()
        # Outside of the run, whose context a thread inherits otherwise.
        arguments = (read_end, number)
        thread = threading.Thread(target=Context().run, args=(self._read, *arguments))
        Context().run(thread.start)
        self._threads.append(thread)
        return write_end

    def join(self) -> None:
        """Wait until all write ends are closed."""
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "somebody keeps a pipe open"

    def _read(self, read_end: int, number: int) -> None:
        with os.fdopen(read_end, "rb", 0) as pipe:
            if number == 1:
                for data in iter(lambda: pipe.read(65536), b""):
                    self._sinks[1](data)
            else:
                for line in pipe:
                    self._sinks[2](line.rstrip(b"\n"))


@dataclass
class Result:
    """``writes`` are the chunks that reached standard output; ``log`` its lines."""

    writes: list[bytes]
    log: list[str]
    failure: str | None
    exit_code: int

    @property
    def text(self) -> str:
        return b"".join(self.writes).decode("utf-8", "surrogateescape")


@contextmanager
def stand_ins() -> Iterator[None]:
    """Install the stand-ins for a while; working directory and umask come back."""
    directory = os.getcwd()
    umask = os.umask(0o022)
    os.umask(umask)
    context.install()
    try:
        yield
    finally:
        context.uninstall()
        os.chdir(directory)
        os.umask(umask)


def save(path: Path, source: str) -> Path:
    """Write a source file, its indentation removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return path


def run_file(
    path: Path,
    *,
    environment: dict[str, str] | None = None,
    arguments: Sequence[str] = (),
    stdin: bytes | None = None,
    source: BinaryIO | None = None,
    leave_output: Callable[[], None] | None = None,
    inspect: Callable[[RunContext], object] | None = None,
    watch: Callable[[RunContext, bytes], object] | None = None,
) -> Result:
    """Run a script to its end.  The stand-ins must be installed.

    ``source`` takes the place of ``stdin``; ``inspect`` sees the run when it is over,
    ``watch`` with each write.
    """
    writes: list[bytes] = []
    log: list[str] = []

    def write_error(line: bytes) -> None:
        log.append(line.decode())

    def write(data: bytes) -> None:
        writes.append(data)
        if watch is not None:
            watch(run, data)

    pipes = Pipes(write, write_error)
    run = RunContext(
        str(path),
        str(path.parent),
        environment={} if environment is None else environment,
        write=write,
        write_error=write_error,
        arguments=arguments,
        stdin=source if stdin is None else BytesIO(stdin),
        open_pipe=pipes.open,
        leave_output=leave_output,
    )
    os.chdir(path.parent)
    execute(run, CACHE)
    if inspect is not None:
        inspect(run)
    pipes.join()
    return Result(writes, log, run.failure, run.exit_code)
