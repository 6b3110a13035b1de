"""A pool's child: descriptors, environment, limits, then the script.

Everything here happens in a process of the run's own.  Standard library only.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import NamedTuple

from httpout_cgi.interpreter import main_script
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes import pool_program
from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_program import CANNOT_RUN
from httpout_cgi.processes.pool_run import Run
from httpout_cgi.processes.pool_settings import Settings, set_limits

# More content than this goes to a file; a worker keeps as much in memory.
_IN_MEMORY = 512 * 1024
_READ_SIZE = 65_536


class Descriptors(NamedTuple):
    """What becomes 0, 1 and 2; ``source`` is -1 if ``output`` brings the content."""

    source: int
    output: int
    error: int


def perform(
    run: Run,
    descriptors: Descriptors,
    settings: Settings,
    python: tuple[CodeCache, Notes] | None,
) -> int:
    """Run it and return the exit code.

    ``python`` is what helps this interpreter to run the script, None if it does not.
    """
    try:
        _take_descriptors(run, descriptors)
        _take_environment(run)
        os.chdir(os.path.dirname(run.path))
        set_limits(settings.limits)
        if settings.nice:
            os.nice(settings.nice)
    except (OSError, ValueError) as exc:
        return pool_program.fail(f"{run.path}: cannot be started: {exc}", CANNOT_RUN)
    if python is None:
        code = pool_program.execute(run)
        if run.is_guest:
            os.write(1, pool_program.FAILED)
        return code
    cache, notes = python
    return main_script.run_as_main(run.path, run.arguments, cache, notes.add)


def _take_environment(run: Run) -> None:
    zone = os.environ.get("TZ")
    os.environ.clear()
    os.environ.update(run.environment)
    if run.environment.get("TZ") != zone:
        time.tzset()
    if run.umask is not None:
        os.umask(run.umask)


def _take_descriptors(run: Run, descriptors: Descriptors) -> None:
    """Put them in place: all are above 2, but for a standard error that is there."""
    source, output, error = descriptors
    os.dup2(error, 2)
    os.set_blocking(output, True)
    if source < 0:
        source = _spool(run, output)
    os.dup2(source, 0)
    os.dup2(output, 1)
    for descriptor in {source, output, error} - {2}:
        os.close(descriptor)


def _spool(run: Run, connection: int) -> int:
    """Return a descriptor with the content, at its start."""
    if not run.content_length:
        return os.open(os.devnull, os.O_RDONLY)
    descriptor = _open_spool(run.content_length)
    data = run.content[: run.content_length]
    rest = run.content_length
    while True:
        _write_all(descriptor, data)
        rest -= len(data)
        if not rest:
            break
        data = os.read(connection, min(rest, _READ_SIZE))
        if not data:
            raise ConnectionError("the content is cut off")
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _open_spool(size: int) -> int:
    if size <= _IN_MEMORY and hasattr(os, "memfd_create"):
        return os.memfd_create("stdin")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
