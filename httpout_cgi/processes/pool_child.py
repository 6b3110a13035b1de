"""A pool's child: descriptors, environment, limits, then the script.

Everything here happens in a process of the run's own.  Standard library only.
"""

from __future__ import annotations

import os
import resource
import time
from contextlib import contextmanager
from typing import Iterator, NamedTuple, Sequence

from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.main_script import MainScript
from httpout_cgi.interpreter.page_settings import PageSettings
from httpout_cgi.processes import pool_program, pool_relay
from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_program import CANNOT_RUN
from httpout_cgi.processes.pool_run import Run
from httpout_cgi.processes.pool_settings import Settings, find_limits

# More content than this goes to a file; a worker keeps as much in memory.
_IN_MEMORY = 512 * 1024
_READ_SIZE = 65_536


class Descriptors(NamedTuple):
    """What becomes 1, 0 and 2; ``source`` is -1 if ``output`` brings the content.

    ``head`` is a page's, and stays what it is; see PageSettings.
    """

    output: int
    source: int = -1
    error: int = 2
    head: int = -1


class Preparation:
    """What a pool does for its children, once, before it forks the first."""

    nice = 0

    def __init__(self, cache: CodeCache) -> None:
        self.limits = find_limits(())
        self.script = _make_script(cache)
        self.zone = os.environ.get("TZ")
        # Runs bring all of theirs; this one is for those that another server asks for.
        for name in os.environ.keys() - {"PATH"}:
            del os.environ[name]

    @contextmanager
    def without_limits(self) -> Iterator[None]:
        """Let a run be without the limits that the settings have for children."""
        kept = self.limits, self.nice
        self.limits, self.nice = [], 0
        try:
            yield
        finally:
            self.limits, self.nice = kept

    def limit(self, settings: Settings) -> None:
        """Give to children what the settings allow."""
        self.limits = find_limits(settings.limits)
        self.nice = settings.nice


def _make_script(cache: CodeCache) -> MainScript:
    """Make one while the descriptors are of the kinds that a run's will be."""
    kept = [(number, os.dup(number)) for number in range(3)]
    ends = os.pipe()
    for number, other in ((0, os.open(os.devnull, os.O_RDONLY)), (1, ends[1])):
        os.dup2(other, number)
        os.close(other)
    os.dup2(1, 2)
    try:
        return MainScript(cache)
    finally:
        for number, other in kept:
            os.dup2(other, number)
            os.close(other)
        os.close(ends[0])


def perform(
    run: Run, descriptors: Sequence[int], preparation: Preparation, notes: Notes
) -> int:
    """Run it and return the exit code; does not if it becomes another program."""
    given = Descriptors(*descriptors)
    try:
        _take_descriptors(run, given)
        if run.is_apache:
            pool_relay.interpose()
        _take_environment(run, preparation.zone)
        os.chdir(run.page or os.path.dirname(run.path))
        for kind, most in preparation.limits:
            resource.setrlimit(kind, most)
        if preparation.nice:
            os.nice(preparation.nice)
    except (OSError, ValueError) as exc:
        return pool_program.fail(f"{run.path}: cannot be started: {exc}", CANNOT_RUN)
    if not run.is_python:
        code = pool_program.execute(run)
        if run.is_guest:
            os.write(1, pool_program.FAILED)
        return code
    if run.page:
        os.set_inheritable(given.head, False)
        page = PageSettings(run.page, given.head, run.is_debugged)
        return preparation.script.run_page(run.path, run.arguments, notes.add, page)
    return preparation.script.run(run.path, run.arguments, notes.add)


def _take_environment(run: Run, zone: str | None) -> None:
    # What os.environ does with each, with less of its code.
    known: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
    if "PATH" not in run.environment:
        os.environ.pop("PATH", None)
    for name, text in run.environment.items():
        key, value = os.fsencode(name), os.fsencode(text)
        os.putenv(key, value)
        known[key] = value
    if run.environment.get("TZ") != zone:
        time.tzset()
    if run.umask is not None:
        os.umask(run.umask)


def _take_descriptors(run: Run, descriptors: Descriptors) -> None:
    """Put them in place: all are above 2, but for a standard error that is there."""
    output, source, error, _ = descriptors
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
    # Not above: what it imports, random above all, would cost each fork.
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
