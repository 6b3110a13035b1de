"""Launch: a pool process as the settings want it.

It has the listening socket as descriptor 0, the error log as 1 and 2, its settings as
JSON in its arguments, a session of its own, and no variable of the supervisor's.
"""

import json
import logging
import math
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from httpout_cgi.config import Config, PoolLimits
from httpout_cgi.processes.privileges import Account

# Arguments: what follows in JSON, the descriptor of the second listener or -1, and the
# settings, which are for the pool.
_BOOT: Final = """\
import json, os, signal, sys
sys.path[:], supervisor = json.loads(sys.argv.pop(1))
scgi = int(sys.argv.pop(1))
try:
    import ctypes
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
except (ImportError, AttributeError, OSError):
    pass  # not Linux: the pool looks for its parent now and then
if os.getppid() != supervisor:
    sys.exit()  # the supervisor died before it could be told
if scgi > 3:
    os.dup2(scgi, 3)
    os.close(scgi)
from httpout_cgi.processes import pool
sys.exit(pool.main())
"""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pool is started; its descriptors stay the caller's.

    ``settings`` is the argument of the process.  ``idle`` is None for one that is there
    always.
    """

    settings: str
    idle: float | None
    nice: int
    error_log: int
    scgi: socket.socket | None = None


def make_plan(config: Config, error_log: int, scgi: socket.socket | None) -> Plan:
    """Return what the settings say about the site's own pool."""
    pools = config.pools
    idle = None if pools.start == "always" else pools.idle
    settings: dict[str, object] = {
        "processes": pools.processes,
        "idle": idle,
        # Of a run that does not say so itself: one of another server.
        "timeout": max(
            (mount.timeout for site in config.sites for mount in site.scripts),
            default=60.0,
        ),
        "preload": pools.preload,
        "limits": _describe_limits(pools.limits),
        "nice": max(0, pools.nice),
    }
    if scgi is not None:
        settings["scgi"] = True
    text = json.dumps(settings)
    return Plan(text, idle, min(0, pools.nice), error_log, scgi)


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
    scgi = plan.scgi.fileno() if plan.scgi else -1
    process = subprocess.Popen(
        [*command, str(scgi), plan.settings],
        pass_fds=[scgi] if plan.scgi else [],
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
    return plan.settings, plan.nice, plan.scgi, log.st_dev, log.st_ino


def _prefer(pid: int, nice: int) -> None:
    """Let a pool come before others, and its children as well: only root can."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    except ProcessLookupError:
        pass  # it has just died
    except PermissionError:
        _log.error("pools.nice: only root can make it less than 0")
