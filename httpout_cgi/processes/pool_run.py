"""A run, as a worker or another server asks a pool for it.  Standard library only."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from httpout_cgi.protocol.scgi import Head

# What a worker adds to the variables for us; scripts never see it.
_EXTRAS = "HTTPOUT_CGI_RUN"

# Methods whose requests have content if they say nothing of it.
_WITHOUT_CONTENT = ("GET", "HEAD")


class Run(NamedTuple):
    """What is to be run; ``content`` is what has been read of it already.

    ``timeout`` is in seconds; None, and a ``umask`` of None, are left to the pool.
    """

    path: str
    environment: dict[str, str]
    content_length: int
    content: bytes = b""
    arguments: tuple[str, ...] = ()
    timeout: float | None = None
    umask: int | None = None
    # The program that runs it, instead of this Python or that of its first line.
    interpreter: str = ""
    # The first line names another Python, which it needs.
    by_shebang: bool = False
    # Another server has asked for it, which knows nothing of how it ends.
    is_guest: bool = False
    # And it is mod_proxy_scgi.
    is_apache: bool = False
    # The folder of pages that it belongs to, if it is one.
    page: str = ""
    # Its exceptions are shown with their traceback.
    is_debugged: bool = False
    # By the pool: it is for this interpreter, and not for another program.
    is_python: bool = False
    # And its end is told before its process has exited.
    is_hurried: bool = False


def read_run(head: Head, content: bytes = b"") -> Run:
    """Return what is asked for; raises ValueError for what cannot be run."""
    environment = dict(head.variables)
    if "=" in "".join(environment):
        raise ValueError("a variable with an equals sign in its name")
    path = environment.get("SCRIPT_FILENAME", "")
    if not path.startswith("/"):
        raise ValueError(f"SCRIPT_FILENAME is no absolute path: {path!r}")
    extras = environment.pop(_EXTRAS, None)
    run = Run(path, environment, head.content_length, content)
    if extras is None:
        drop_length(environment, head.content_length)
        return run
    run, has_content = _read_extras(run, extras)
    if not has_content and head.content_length == 0:
        del environment["CONTENT_LENGTH"]
    return run


def drop_length(environment: dict[str, str], length: int) -> None:
    """Drop the length that SCGI demands where CGI has none: there is no content."""
    if not length and environment.get("REQUEST_METHOD", "") in _WITHOUT_CONTENT:
        environment.pop("CONTENT_LENGTH", None)


def _read_extras(run: Run, text: str) -> tuple[Run, bool]:
    try:
        extras = dict(json.loads(text))
        timeout, umask = extras.get("timeout"), extras.get("umask")
        run = run._replace(
            arguments=tuple(os.fsdecode(word) for word in extras.get("arguments", ())),
            timeout=None if timeout is None else float(timeout),
            umask=None if umask is None else int(umask) & 0o777,
            interpreter=str(extras.get("interpreter", "")),
            by_shebang=bool(extras.get("by_shebang")),
            page=str(extras.get("page", "")),
            is_debugged=bool(extras.get("debug")),
        )
        # What JSON can say, and no path: a refusal could not even be told.
        os.fsencode("".join((run.interpreter, run.page, *run.arguments)))
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise ValueError(f"{_EXTRAS} cannot be read: {exc}") from exc
    if any("\0" in word for word in (*run.arguments, run.interpreter)):
        raise ValueError("NUL in an argument")
    return run, bool(extras.get("has_content"))
