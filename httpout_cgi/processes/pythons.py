"""Pythons: whether a program is an interpreter that can run a pool.

Imports little: the first stage of a pool needs it as well.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
from typing import TYPE_CHECKING, Final

from httpout_cgi.errors import ConfigError
from httpout_cgi.processes import boot

if TYPE_CHECKING:
    from httpout_cgi.processes.privileges import Account

_OLDEST: Final = 3, 8
_PATIENCE_SECONDS: Final = 10.0
_LONGEST_LINE: Final = 200

# Whatever it is: Python 2 understands it as well.  The modules are those that Debian
# puts into other packages, or that are missing after a build without a library.
_PROBE: Final = """\
import sys
name = getattr(getattr(sys, "implementation", None), "name", "cpython")
print("httpout-cgi %s %d.%d" % ((name,) + tuple(sys.version_info[:2])))
import importlib, json, mmap, resource, select, socket, struct
if sys.argv[1:]:
    sys.dont_write_bytecode = True
    sys.path.insert(0, sys.argv[1])
    import httpout_cgi.processes.pool
"""
_find_answer = re.compile(r"^httpout-cgi (\w+) (\d+)\.(\d+)$", re.MULTILINE).search


def check(python: str | None, account: Account | None) -> None:
    """Raise ConfigError for a Python of the settings that cannot run a pool.

    Those of accounts are only known when they are needed.
    """
    flaw = find_flaw(python, account) if python and "$" not in python else ""
    if flaw:
        raise ConfigError([f"pools.python: {flaw}"])


def find_flaw(
    python: str, account: Account | None = None, *, loads_us: bool = False
) -> str:
    """Return why the program cannot run a pool, "" if it can.

    It is tried out by this process, or by the account that it would have.  With
    ``loads_us``, that takes longer and is sure.
    """
    more = [boot.FOLDER] if loads_us else []
    try:
        done = subprocess.run(
            [python, "-c", _PROBE, *more],
            cwd="/",
            env=boot.make_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE_SECONDS,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=account.groups if account else None,
        )
    except subprocess.TimeoutExpired:
        return f"{python} does not answer: is it a Python?"
    except (OSError, ValueError) as exc:
        return _explain(python, exc, f" by {account.name}" if account else "")
    return _judge(python, done)


def _judge(python: str, done: subprocess.CompletedProcess[str]) -> str:
    answer = _find_answer(done.stdout)
    if answer is not None:
        name, version = answer[1], (int(answer[2]), int(answer[3]))
        if name != "cpython":
            return f"{python} is {name}; CPython is needed"
        if version < _OLDEST:
            found, least = "{}.{}".format(*version), "{}.{}".format(*_OLDEST)
            return f"{python} is Python {found}; {least} or newer is needed"
        if not done.returncode:
            return ""
    lines = [line for line in done.stderr.splitlines() if "rror: " in line]
    if lines:
        return f"{python} does not work: {_clean(lines[-1])}"
    return f"{python} is no Python: it ended with status {done.returncode}"


def _explain(python: str, exc: OSError | ValueError, by: str) -> str:
    number = exc.errno if isinstance(exc, OSError) else None
    if number == errno.ENOENT and os.path.islink(python):
        target = os.path.realpath(python)
        text = "make its virtual environment again"
        return f"{python} is a link to {target}, which does not exist: {text}"
    if number == errno.ENOENT and not os.path.exists(python):
        return f"{python} does not exist"
    reason = exc.strerror if isinstance(exc, OSError) else str(exc)
    return f"{python} cannot be run{by}: {reason}"


def _clean(line: str) -> str:
    """Return what cannot forge a line of the log."""
    return "".join(c if c.isprintable() else "?" for c in line[:_LONGEST_LINE])
