"""The door for other servers: what nginx or Apache may ask a pool to run.

Who can write to the socket names a file, and must not have any file of the machine run:
only what a client of ours could run, too.  Standard library only.
"""

from __future__ import annotations

import json
import os
import re
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Callable, NamedTuple, NoReturn, Sequence
from urllib.parse import unquote_to_bytes

from httpout_cgi.processes import pool_shebang
from httpout_cgi.processes.pool_run import Run, drop_length
from httpout_cgi.processes.pool_variables import clean, split_name
from httpout_cgi.protocol.scgi import Head
from httpout_cgi.protocol.script_names import make_matcher
from httpout_cgi.protocol.search_words import search_words

# What mod_proxy_scgi makes of the address it was given: a path with escapes.
_match_proxied = re.compile(r"proxy:(?:scgi|balancer)://[^/]*(/.*)", re.S).fullmatch

_PHRASES = {403: "Forbidden", 404: "Not Found"}


class Refusal(Exception):
    """What is asked for does not run; ``answer`` is for who asks."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} refused: {reason}")
        body = f"{status} {_PHRASES[status]}\n"
        self.answer = (
            f"Status: {status} {_PHRASES[status]}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode("ascii")


class Mount(NamedTuple):
    """A script mount, as the supervisor tells it; see Mount in scripts.py.

    ``parts`` are those of the path of its folder, or of the one file.  ``interpreters``
    has the longest suffix first.  ``judges`` if scripts decide on their runner.
    """

    url: str
    parts: tuple[str, ...]
    is_file: bool
    runs: Callable[[str, os.stat_result], bool]
    interpreters: dict[str, str]
    environment: dict[str, str]
    timeout: float
    links: str
    hides: bool
    passes_authorization: bool
    indexed_query: bool
    judges: bool


def read_mounts(text: str) -> tuple[Mount, ...]:
    """Return the mounts of a JSON list; raises ValueError."""
    try:
        return tuple(_read_mount(**values) for values in json.loads(text))
    except (TypeError, AttributeError) as exc:
        raise ValueError(f"no script mounts: {exc}") from exc


def _read_mount(
    path: str, match: Sequence[str], interpreters: dict[str, str], **rest: object
) -> Mount:
    values = {
        "parts": tuple(path.split("/")),
        "runs": make_matcher(match, interpreters),
        "interpreters": interpreters,
        **rest,
    }
    # Any: JSON of our own making.
    return Mount(**values)  # type: ignore[arg-type]


def admit(
    head: Head, content: bytes, mounts: Sequence[Mount]
) -> tuple[Run, os.stat_result]:
    """Return the run that another server asks for, and what is at its path.

    Raises Refusal.
    """
    variables = head.variables
    named = variables.get("SCRIPT_FILENAME", "")
    asked = _read_path(named)
    mount = _find_mount(asked.split("/"), variables.get("SCRIPT_NAME", ""), mounts)
    if mount is None:
        _refuse(403, "below no script mount", asked)
    path, extra, seen = _find_script(mount, asked)
    environment = clean(variables, passes_authorization=mount.passes_authorization)
    split_name(environment, extra)
    environment.update(mount.environment)
    # Behind all others: they say what was found.
    environment["SCRIPT_FILENAME"] = path
    drop_length(environment, head.content_length)
    words: tuple[str, ...] = ()
    query = variables.get("QUERY_STRING")
    if mount.indexed_query and query:
        words = search_words(variables.get("REQUEST_METHOD", ""), query)
    interpreter = ""
    if mount.interpreters:
        interpreter = _find_interpreter(mount, path)
    run = Run(
        path,
        environment,
        head.content_length,
        content,
        arguments=words,
        timeout=mount.timeout,
        interpreter=interpreter,
        by_shebang=mount.judges
        and not interpreter
        and pool_shebang.judge(path, mount.environment),
        is_guest=True,
        is_apache=asked is not named,
    )
    return run, seen


def _find_interpreter(mount: Mount, path: str) -> str:
    """Return what runs scripts of the suffix; the longest comes first."""
    return next(
        (one for suffix, one in mount.interpreters.items() if path.endswith(suffix)), ""
    )


def _read_path(text: str) -> str:
    proxied = _match_proxied(text)
    if proxied:
        text = os.fsdecode(unquote_to_bytes(os.fsencode(proxied[1])))
    if not text.startswith("/") or "\0" in text:
        _refuse(403, "SCRIPT_FILENAME is no absolute path", text)
    return text


def _find_mount(
    parts: Sequence[str], name: str, mounts: Sequence[Mount]
) -> Mount | None:
    """Return the mount with the deepest folder; of equal ones that of the URL."""
    best, best_rank = None, (0, False)
    for mount in mounts:
        depth = len(mount.parts)
        # By parts, so that /srv/cgi-binary is not below /srv/cgi-bin.
        rank = (depth, name.startswith(mount.url))
        if tuple(parts[:depth]) == mount.parts and rank > best_rank:
            best, best_rank = mount, rank
    return best


def _find_script(mount: Mount, asked: str) -> tuple[str, str, os.stat_result]:
    """Follow the path down to the first file.

    Return its own path, the extra one, and what is there.
    """
    folder = "/".join(mount.parts)
    path, has_links = folder, False
    if mount.is_file:
        seen, _ = _look(path, "always")
        if not S_ISREG(seen.st_mode):
            _refuse(403, "not a regular file", path)
        return path, asked[len(path) :], seen
    for name in asked[len(folder) + 1 :].split("/"):
        # ".." would lead out of the mount: to /bin/sh, and its "-c".
        if not name or name in (".", ".."):
            _refuse(403, "no plain path", asked)
        if name.startswith(".") and mount.hides:
            _refuse(403, "hidden file", asked)
        path = f"{path}/{name}"
        seen, is_link = _look(path, mount.links)
        has_links = has_links or is_link
        if S_ISREG(seen.st_mode):
            if not mount.runs(name, seen):
                _refuse(403, "not a script of its mount", path)
            if has_links:
                _check_place(path, folder, mount.links)
            return path, asked[len(path) :], seen
        if not S_ISDIR(seen.st_mode):
            # Opening a device or a FIFO may block, or do something.
            _refuse(403, "neither file nor folder", path)
    _refuse(403, "a folder", path)


def _look(path: str, links: str) -> tuple[os.stat_result, bool]:
    """Return what is there, behind a link that may be followed, and if there is one."""
    try:
        seen = os.lstat(path)
        if not S_ISLNK(seen.st_mode):
            return seen, False
        target = os.stat(path)
    except PermissionError:
        _refuse(403, "may not be looked at", path)
    except (OSError, ValueError):
        _refuse(404, "not found", path)
    # As in files/resolve.py: who may make links would have what others own run.
    if links == "never" or (links == "owner" and seen.st_uid != target.st_uid):
        _refuse(403, "symbolic link", path)
    return target, True


def _check_place(path: str, folder: str, links: str) -> None:
    """Refuse what is elsewhere after all links, a program of the system for example."""
    if links == "always":
        return
    real, inside = os.path.realpath(path), os.path.realpath(folder or "/")
    if os.path.commonpath((real, inside)) != inside:
        _refuse(403, "out of its mount, behind a link", path)


def _refuse(status: int, reason: str, path: str) -> NoReturn:
    # repr(): a line feed would begin a line of the log that is not ours.
    raise Refusal(status, f"{reason}: {path!r}")
