"""A pool's child: descriptors, environment, limits, then the script.

Standard library only.  Everything here happens in a process of the run's own.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
from typing import Any, NamedTuple, Sequence

from httpout_cgi.interpreter import main_script
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.protocol.scgi import Head

# What a worker adds to the variables for us; scripts never see it.
RUN_VARIABLE = "HTTPOUT_CGI_RUN"

# More content than this goes to a file; a worker keeps as much in memory.
_IN_MEMORY = 512 * 1024
_READ_SIZE = 65_536

# A shell's exit codes for a program that cannot be run, or is not there.
_CANNOT_RUN, _NOT_FOUND = 126, 127

_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "cpu": resource.RLIMIT_CPU,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
    "file_size": resource.RLIMIT_FSIZE,
}


class Run(NamedTuple):
    """What is to be run; ``content`` is what has been read of it already."""

    path: str
    environment: dict[str, str]
    arguments: Sequence[str]
    timeout: float | None
    content_length: int
    content: bytes

    @classmethod
    def from_head(cls, head: Head, content: bytes) -> Run:
        """Read what a worker, or another server, says of a run."""
        environment = dict(head.variables)
        extras: dict[str, Any] = json.loads(environment.pop(RUN_VARIABLE, "{}"))
        # SCGI demands a length; CGI has none where there is no content.
        if not extras.get("has_content") and head.content_length == 0:
            del environment["CONTENT_LENGTH"]
        return cls(
            environment.get("SCRIPT_FILENAME", ""),
            environment,
            extras.get("arguments", ()),
            extras.get("timeout"),
            head.content_length,
            content,
        )


def perform(
    run: Run, descriptors: tuple[int, int, int], limits: Any, cache: CodeCache
) -> int:
    """Run it and return the exit code; an exec does not return."""
    os.setpgid(0, 0)
    _take_descriptors(run, *descriptors)
    os.environ.clear()
    os.environ.update(run.environment)
    os.umask(0o022)
    try:
        os.chdir(os.path.dirname(run.path) or "/")
    except OSError as exc:
        return _fail(f"cannot enter the folder of the script: {exc}", _CANNOT_RUN)
    _set_limits(limits)
    if is_python(run.path):
        return main_script.run_as_main(run.path, run.arguments, cache)
    return _execute_program(run)


def _take_descriptors(run: Run, source: int, connection: int, error: int) -> None:
    if source < 0:
        source = _spool(run, connection)
    os.set_blocking(connection, True)
    for number, descriptor in enumerate((source, connection, error)):
        if descriptor != number:
            os.dup2(descriptor, number)
    for descriptor in {source, connection, error} - {0, 1, 2}:
        os.close(descriptor)


def _spool(run: Run, connection: int) -> int:
    """Return a descriptor with the content, at its start."""
    if not run.content_length:
        return os.open(os.devnull, os.O_RDONLY)
    descriptor = _open_spool(run.content_length)
    os.set_blocking(connection, True)
    rest = run.content_length
    data = run.content[:rest]
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


def _set_limits(settings: Any) -> None:
    for name, value in settings.limits.items():
        if value is not None:
            _, hard = resource.getrlimit(_LIMITS[name])
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(_LIMITS[name], (most, most))
    if settings.nice:
        os.nice(settings.nice)


def is_python(path: str) -> bool:
    """Tell whether a script is for this interpreter: by its suffix, or its shebang."""
    return path.endswith(".py")


def _execute_program(run: Run) -> int:
    """Become the program; its shebang is the kernel's business."""
    try:
        os.execve(run.path, [run.path, *run.arguments], run.environment)
    except OSError as exc:
        return _fail(f"{run.path}: {exc.strerror}", _NOT_FOUND)


def _fail(text: str, code: int) -> int:
    os.write(2, os.fsencode(f"{text}\n"))
    return code
