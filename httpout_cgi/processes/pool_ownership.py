"""What the pool of an account runs: the suEXEC rules, on what was opened.

The pool is the account already, and asked by workers that scripts of others share: it
trusts them with nothing but the choice among the account's own scripts.  Standard
library only.
"""

from __future__ import annotations

import os
import time
from typing import Any, Mapping, NamedTuple, Sequence

from httpout_cgi.processes import pool_shebang
from httpout_cgi.processes.pool_run import Run
from httpout_cgi.processes.pool_variables import is_variable
from httpout_cgi.protocol.ownership import (
    OwnershipError,
    Refusal,
    judge_folder,
    judge_script,
)

# Nothing is read, so that a script that is not readable may run; not on every system.
_OPEN = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_NONBLOCK
_PATH = "/usr/local/bin:/usr/bin:/bin"


class Ownership(NamedTuple):
    """What the supervisor tells of an account; all paths are absolute.

    Scripts are asked for below ``mounts``, and lie below ``roots`` after all links.
    ``variables`` and ``interpreters`` are those of the settings.
    """

    mode: str
    roots: tuple[str, ...]
    mounts: tuple[str, ...]
    variables: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()


def read_ownership(values: Mapping[str, Any]) -> Ownership:  # Any: JSON
    """Return what was told; raises TypeError."""
    mode = values["mode"]
    rest = {name: tuple(one) for name, one in values.items() if name != "mode"}
    return Ownership(mode, **rest)


def admit(run: Run, ownership: Ownership, own: Mapping[str, str] = {}) -> Run:
    """Return the run with a clean environment; raises OwnershipError.

    Whether another Python has to run it is found out here: no worker may read it.
    What the account adds of its ``own`` changes nothing that is there.
    """
    if run.interpreter and run.interpreter not in ownership.interpreters:
        raise OwnershipError(Refusal.BAD_INTERPRETER, run.interpreter)
    if run.page and run.page not in ownership.mounts:
        # Whoever has taken over a worker would have his own __globals__.py run with the
        # rights of the account.
        raise OwnershipError(Refusal.OUTSIDE, run.page)
    _check_name(run.path, ownership.mounts)
    if ownership.mode != "off":
        is_strict = ownership.mode == "strict"
        _check_files(run.path, ownership.roots, os.geteuid(), is_strict=is_strict)
    environment = {
        name: text
        for name, text in run.environment.items()
        if name in ownership.variables or is_variable(name)
    }
    environment["SCRIPT_FILENAME"] = run.path
    if "PATH" not in ownership.variables:
        environment.pop("PATH", None)
    environment = {"PATH": _PATH, **own, **environment}
    by_shebang = (
        not run.interpreter
        and not run.page
        and pool_shebang.needs_another(run.path, environment, time.time_ns())
    )
    return run._replace(environment=environment, by_shebang=by_shebang)


def _check_name(path: str, mounts: Sequence[str]) -> None:
    """Refuse what the account has not put among its scripts: /bin/sh, for one."""
    parts = path.split("/")
    is_plain = not {"", ".", ".."} & {*parts[1:]}
    if not is_plain or not any(_is_below(parts, mount) for mount in mounts):
        raise OwnershipError(Refusal.OUTSIDE, path)


def _check_files(path: str, roots: Sequence[str], uid: int, *, is_strict: bool) -> None:
    """Look at what was opened, and at the folders that it can be replaced in."""
    try:
        real = os.path.realpath(path)
        _check_opened(path, real, uid, is_strict=is_strict)
        root = _find_root(real, roots)
        folder = real
        while folder != root:
            folder = os.path.dirname(folder)
            seen = os.stat(folder)
            refusal = judge_folder(seen.st_mode, seen.st_uid, uid, is_strict=is_strict)
            if refusal is not None:
                raise OwnershipError(refusal, folder)
    except FileNotFoundError:
        raise OwnershipError(Refusal.MISSING, path) from None
    except OSError:
        raise OwnershipError(Refusal.NOT_READABLE, path) from None


def _check_opened(path: str, real: str, uid: int, *, is_strict: bool) -> None:
    descriptor = os.open(real, _OPEN | os.O_CLOEXEC)
    try:
        seen = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    refusal = judge_script(seen.st_mode, seen.st_uid, uid, is_strict=is_strict)
    if refusal is not None:
        raise OwnershipError(refusal, path)
    if not os.path.samestat(seen, os.stat(path)):
        raise OwnershipError(Refusal.CHANGED, path)


def _find_root(real: str, roots: Sequence[str]) -> str:
    """Return the root that is highest above a path, after all links."""
    parts = real.split("/")
    around = [root for root in map(os.path.realpath, roots) if _is_below(parts, root)]
    if not around:
        raise OwnershipError(Refusal.LINKED_OUTSIDE, real)
    return min(around, key=len)


def _is_below(parts: Sequence[str], folder: str) -> bool:
    # By parts: /home/al is not above /home/alice.
    above = folder.split("/")
    return len(parts) > len(above) and [*parts[: len(above)]] == above
