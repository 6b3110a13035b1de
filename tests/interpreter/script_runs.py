"""Run scripts in this thread, without a server."""

from __future__ import annotations

import os
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Iterator, Sequence

from httpout_cgi.interpreter import context
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute
from httpout_cgi.interpreter.run_context import RunContext

CACHE = CodeCache()


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
    """Install the stand-ins, and the working directory as it was, for a while."""
    directory = os.getcwd()
    context.install()
    try:
        yield
    finally:
        context.uninstall()
        os.chdir(directory)


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
) -> Result:
    """Run a script to its end.  The stand-ins must be installed."""
    writes: list[bytes] = []
    log: list[str] = []
    run = RunContext(
        str(path),
        str(path.parent),
        environment={} if environment is None else environment,
        write=writes.append,
        write_error=lambda line: log.append(line.decode()),
        arguments=arguments,
        stdin=None if stdin is None else BytesIO(stdin),
    )
    os.chdir(path.parent)
    execute(run, CACHE)
    return Result(writes, log, run.failure, run.exit_code)
