"""Launch: a pool process as the settings want it.

It has the listening socket as descriptor 0, the error log as 1 and 2, its settings as
JSON in its arguments, a session of its own, and no variable of the supervisor's.
"""

import contextlib
import json
import logging
import math
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from httpout_cgi.accounts import Home
from httpout_cgi.config import Config, PoolLimits, Pools
from httpout_cgi.files.roots import build_roots
from httpout_cgi.processes import boot
from httpout_cgi.processes.pool_settings import Limits, find_limits
from httpout_cgi.processes.privileges import Account
from httpout_cgi.processes.stage import Stage
from httpout_cgi.user_sites import list_folders

# Below the home of an account.
_USER_FILE: Final = "$home/.config/httpout-cgi.yaml"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pool is started; its descriptors stay the caller's.

    ``settings`` is the argument of the process.  ``idle`` is None for one that is there
    always.  ``mounts`` is what servers that ask at ``scgi`` may have.  ``stage`` is
    None for a pool of our own Python.  ``limits`` are those of the process itself.
    """

    settings: str
    idle: float | None
    nice: int
    error_log: int
    scgi: socket.socket | None = None
    mounts: str = "[]"
    stage: Stage | None = None
    limits: Limits = ()


def make_plan(config: Config, error_log: int, scgi: socket.socket | None) -> Plan:
    """Return what the settings say about the site's own pool."""
    idle = None if config.pools.start == "always" else config.pools.idle
    settings = _describe_pools(config.pools, idle, _list_timeouts(config))
    mounts = json.dumps([] if scgi is None else [*_describe_mounts(config)])
    nice = min(0, config.pools.nice)
    python = config.pools.python or ""
    # One with "$" is for accounts alone.
    stage = None if not python or "$" in python else Stage(python)
    return Plan(json.dumps(settings), idle, nice, error_log, scgi, mounts, stage)


def _list_timeouts(config: Config) -> list[float]:
    """Return what a run may take that does not say so itself: of another server."""
    return [mount.timeout for site in config.sites for mount in site.scripts]


def make_python_plan(config: Config, python: str, error_log: int) -> Plan:
    """Return what the settings say about the site's pool under another Python, which
    scripts name in their first lines: it is never there always.
    """
    idle, nice = config.pools.idle, min(0, config.pools.nice)
    settings = _describe_pools(config.pools, idle, _list_timeouts(config))
    # Those are named for the usual one, and this one may well lack them.
    settings["preload"] = []
    stage = Stage(python, is_wish=True)
    return Plan(json.dumps(settings), idle, nice, error_log, stage=stage)


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
    nice = min(0, config.pools.nice)
    stage, limits = _make_stage(config, home), _limit_pool(config.pools)
    return Plan(json.dumps(settings), idle, nice, error_log, None, "[]", stage, limits)


def _limit_pool(pools: Pools) -> Limits:
    """Return what the pool of an account may have itself.

    Its own code limits the runs, but what it imports may be the account's: by "python",
    by a .pth file of ~/.local.  That must not fill the machine.  It needs processes of
    its own beside those of the runs.
    """
    most = pools.limits.processes
    processes = None if most is None else most + 2 * pools.processes + 2
    memory, size = pools.limits.memory, pools.limits.file_size
    return ("memory", memory), ("file_size", size), ("processes", processes)


def _make_stage(config: Config, home: Home) -> Stage | None:
    python = config.pools.python or ""
    if "$" in python:
        python = str(home.expand(python))
    is_allowed = config.users is not None and config.users.allow_settings
    file = str(home.expand(_USER_FILE)) if is_allowed else ""
    if not python and not file:
        return None
    return Stage(python, home.name, home.home, file)


def _describe_pools(
    pools: Pools, idle: float | None, timeouts: Sequence[float]
) -> dict[str, object]:
    return {
        "processes": pools.processes,
        "runs_per_process": pools.runs_per_process,
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
            # Pages run in the workers alone.
            if root.mount is not None and not root.has_pages:
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
    output: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a pool, with another command if there is one; raises OSError.

    It writes to ``output``, or else to the error log.
    """
    log = plan.error_log if output is None else output
    with _open_for_others(plan) as others:
        process = subprocess.Popen(
            [*(command or _make_command(plan)), plan.settings, *map(str, others)],
            pass_fds=others,
            cwd="/",
            env=boot.make_environment(),
            stdin=listener.fileno(),
            stdout=log,
            stderr=log,
            # Scripts have no terminal; and its signals are for the supervisor.
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=account.groups if account else None,
            # We have no threads.  Later, what the account has there would be first.
            preexec_fn=partial(_limit_us, plan.limits) if plan.limits else None,
        )
    if plan.nice < 0:
        _prefer(process.pid, plan.nice)
    return process


def _limit_us(limits: Limits) -> None:
    for kind, most in find_limits(limits):
        resource.setrlimit(kind, most)


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


def _make_command(plan: Plan) -> list[str]:
    """Return the command of our own pool, short of what ``start`` adds."""
    path = [os.path.abspath(folder) for folder in sys.path]
    if plan.stage is None:
        return boot.make_command(os.getpid(), path)
    return [*boot.make_command(os.getpid(), path, "stage"), json.dumps(plan.stage)]


def identify(plan: Plan) -> object:
    """Return what makes a pool another one: its log is another file after rotation."""
    log = os.fstat(plan.error_log)
    shown = plan.settings, plan.nice, plan.scgi, plan.mounts, plan.stage
    return *shown, log.st_dev, log.st_ino


def _prefer(pid: int, nice: int) -> None:
    """Let a pool come before others, and its children as well: only root can."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    except ProcessLookupError:
        pass  # it has just died
    except PermissionError:
        _log.error("pools.nice: only root can make it less than 0")
