"""Launch: a pool process as the settings want it.

It has the listening socket as descriptor 0, the error log as 1 and 2, its settings as
JSON in its arguments, a session of its own, and no variable of the supervisor's.
"""

import contextlib
import json
import logging
import math
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from httpout_cgi.accounts import Home
from httpout_cgi.config import Config, PoolLimits, Pools
from httpout_cgi.files.roots import build_roots
from httpout_cgi.processes.privileges import Account
from httpout_cgi.user_sites import list_folders

# Arguments: what follows in JSON; the others are for the pool.
_BOOT: Final = """\
import json, os, signal, sys
own = getattr(sys.modules.get("site"), "USER_SITE", None)
own = [own] if own in sys.path else []
sys.path[:], supervisor = json.loads(sys.argv.pop(1))
# What an account has installed for itself is for its scripts as well.
sys.path += [folder for folder in own if folder not in sys.path]
try:
    import ctypes
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
except (ImportError, AttributeError, OSError):
    pass  # not Linux: the pool looks for its parent now and then
if os.getppid() != supervisor:
    sys.exit()  # the supervisor died before it could be told
from httpout_cgi.processes import pool
sys.exit(pool.main())
"""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pool is started; its descriptors stay the caller's.

    ``settings`` is the argument of the process.  ``idle`` is None for one that is there
    always.  ``mounts`` is what servers that ask at ``scgi`` may have.
    """

    settings: str
    idle: float | None
    nice: int
    error_log: int
    scgi: socket.socket | None = None
    mounts: str = "[]"


def make_plan(config: Config, error_log: int, scgi: socket.socket | None) -> Plan:
    """Return what the settings say about the site's own pool."""
    idle = None if config.pools.start == "always" else config.pools.idle
    # Of a run that does not say so itself: one of another server.
    timeouts = [mount.timeout for site in config.sites for mount in site.scripts]
    settings = _describe_pools(config.pools, idle, timeouts)
    mounts = json.dumps([] if scgi is None else [*_describe_mounts(config)])
    nice = min(0, config.pools.nice)
    return Plan(json.dumps(settings), idle, nice, error_log, scgi, mounts)


def make_account_plan(config: Config, home: Home, error_log: int) -> Plan:
    """Return what the settings say about the pool of an account: it is never there
    always.
    """
    assert config.users is not None
    scripts = config.users.scripts
    idle = config.pools.idle
    settings = _describe_pools(config.pools, idle, [one.timeout for one in scripts])
    roots, mounts = list_folders(config.users, home)
    settings["ownership"] = {
        "mode": config.pools.check_ownership,
        "roots": roots,
        "mounts": mounts,
        "variables": sorted({name for one in scripts for name in one.environment}),
        "interpreters": sorted(
            {str(path) for one in scripts for path in one.interpreters.values()}
        ),
    }
    return Plan(json.dumps(settings), idle, min(0, config.pools.nice), error_log)


def _describe_pools(
    pools: Pools, idle: float | None, timeouts: Sequence[float]
) -> dict[str, object]:
    return {
        "processes": pools.processes,
        "idle": idle,
        "timeout": max(timeouts, default=60.0),
        "preload": pools.preload,
        "limits": _describe_limits(pools.limits),
        "nice": max(0, pools.nice),
    }


def _describe_mounts(config: Config) -> Iterator[dict[str, object]]:
    """Yield what processes/pool_door.py has to know of each script mount."""
    for site in config.sites:
        for root in () if site.is_of_accounts else build_roots(site):
            if root.mount is not None:
                yield {
                    "url": root.mount.url,
                    "path": root.folder,
                    "is_file": root.is_file,
                    "match": root.mount.match,
                    "interpreters": root.mount.interpreters or {},
                    "environment": root.mount.environment or {},
                    "timeout": root.mount.timeout,
                    "links": site.follow_symlinks,
                    "hides": site.hidden_files == "deny",
                    "passes_authorization": root.mount.pass_authorization,
                    "indexed_query": root.mount.indexed_query,
                    "judges": root.mount.runner == "auto",
                }


def _describe_limits(limits: PoolLimits) -> dict[str, object]:
    # setrlimit takes whole seconds.
    cpu = None if limits.cpu is None else math.ceil(limits.cpu)
    return {**limits.model_dump(), "cpu": cpu}


def start(
    plan: Plan,
    command: Sequence[str],
    listener: socket.socket,
    account: Account | None,
) -> subprocess.Popen[bytes]:
    """Start a pool; raises OSError."""
    with _open_for_others(plan) as others:
        process = subprocess.Popen(
            [*command, plan.settings, *map(str, others)],
            pass_fds=others,
            cwd="/",
            env=_make_environment(),
            stdin=listener.fileno(),
            stdout=plan.error_log,
            stderr=plan.error_log,
            # Scripts have no terminal; and its signals are for the supervisor.
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=account.groups if account else None,
        )
    if plan.nice < 0:
        _prefer(process.pid, plan.nice)
    return process


@contextlib.contextmanager
def _open_for_others(plan: Plan) -> Iterator[list[int]]:
    """Give the descriptors for other servers: their socket, and the script mounts.

    These go in a file: everybody on this machine can read the arguments of a process,
    and extra meta-variables may be secrets.
    """
    if plan.scgi is None:
        yield []
        return
    with tempfile.TemporaryFile() as file:
        file.write(plan.mounts.encode("ascii"))
        file.seek(0)
        yield [plan.scgi.fileno(), file.fileno()]


def pool_command() -> list[str]:
    """Return the command of our own pool, short of what ``start`` adds."""
    path = [os.path.abspath(folder) for folder in sys.path]
    return [sys.executable, "-c", _BOOT, json.dumps([path, os.getpid()])]


def _make_environment() -> dict[str, str]:
    """Return what a pool needs for itself; the supervisor's secrets are not for it."""
    environment = {"PATH": _PATH, "LANG": "C.UTF-8"}
    # This Python may not start without.
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {**environment, "LD_LIBRARY_PATH": libraries} if libraries else environment


def identify(plan: Plan) -> object:
    """Return what makes a pool another one: its log is another file after rotation."""
    log = os.fstat(plan.error_log)
    shown = plan.settings, plan.nice, plan.scgi, plan.mounts
    return *shown, log.st_dev, log.st_ino


def _prefer(pid: int, nice: int) -> None:
    """Let a pool come before others, and its children as well: only root can."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    except ProcessLookupError:
        pass  # it has just died
    except PermissionError:
        _log.error("pools.nice: only root can make it less than 0")
