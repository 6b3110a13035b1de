"""The keeper of a pool: owns its socket, starts it when it is asked for, ends it.

The pool process inherits the listening socket; while none lives, connections wait in
its backlog.  Reads no byte of them.
"""

import contextlib
import json
import logging
import math
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from httpout_cgi.config import Config, Listener, PoolLimits
from httpout_cgi.processes import listeners, private_folder
from httpout_cgi.processes.backoff import pause_after
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
    pass  # not Linux: it leaves when it has been idle
if os.getppid() != supervisor:
    sys.exit()  # the supervisor died before it could be told
if scgi > 3:
    os.dup2(scgi, 3)
    os.close(scgi)
from httpout_cgi.processes import pool
sys.exit(pool.main())
"""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

# A pool that lived for so long was healthy: its death starts a new count.
_HEALTHY_AFTER: Final = 10.0
# How long one that is to be killed has to end its children.
_PATIENCE: Final = 0.5

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


@dataclass(slots=True)
class _Pool:
    process: subprocess.Popen[bytes]
    started: float


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


class PoolKeeper:
    """Only the supervisor's loop touches it; the clock is passed in.

    After a death that looks like a failed start, the next start waits.  The first time
    connections wait as well; from the second time in a row they are closed.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        account: Account | None,
        command: Sequence[str] = (),
    ) -> None:
        self._selector = selector
        self._account = account
        self._command = [*(command or _pool_command())]
        self._plan: Plan | None = None
        self._identity: object = None
        self._stack = contextlib.ExitStack()
        self._own: socket.socket | None = None
        self._watched: list[socket.socket] = []
        self._pools: list[_Pool] = []
        # The one that accepts; others finish what they have.
        self._current: _Pool | None = None
        self._is_asked_for = False
        self._is_stopping = False
        self._failures = 0
        self._start_at: float | None = None
        self.address = ""

    def __len__(self) -> int:
        """Count the processes that have not ended."""
        return len(self._pools)

    def open(self) -> None:
        """Listen at ``address``; nothing is started before ``configure`` and ``tend``.

        Raises StartError.
        """
        folder = private_folder.make(self._account)
        self._stack.callback(folder.close)
        listener = Listener(path=folder.socket)
        self._own = listeners.bind(listener)
        self._stack.callback(listeners.close, listener, self._own)
        self.address = str(listener.path)

    def close(self) -> None:
        """End all processes now, and remove the socket and its folder."""
        self.kill()
        self._stack.close()
        self._own = None

    def configure(self, plan: Plan) -> None:
        """Start pools like that from now on; one that is different is replaced."""
        identity = _identify(plan)
        if identity == self._identity:
            self._plan = plan
            return
        self._watch(())
        self._plan, self._identity = plan, identity
        self._failures, self._start_at = 0, None
        if self._current:
            self._current.process.terminate()
            self._current = None

    def tend(self, now: float) -> None:
        """Start the pool if it is needed, or watch for the need."""
        if self._current or self._is_stopping or not self._plan:
            return
        if self._start_at is not None and now >= self._start_at:
            self._start_at = None
        is_needed = self._is_asked_for or self._plan.idle is None
        if self._start_at is None and is_needed:
            self._try_to_start(self._plan, now)
        elif self._start_at is None or self._is_refusing():
            self._watch(self._listeners())
        else:
            self._watch(())

    def next_start(self) -> float | None:
        """Return when ``tend`` has to be called again without an event."""
        return None if self._is_stopping else self._start_at

    def reap(self, now: float) -> None:
        """Take note of pools that have ended."""
        for pool in [one for one in self._pools if one.process.poll() is not None]:
            self._pools.remove(pool)
            if pool is self._current:
                self._current = None
                self._judge_end(pool, now)

    def stop(self) -> None:
        """Let all processes finish what they do, and end."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._watch(())
        for pool in self._pools:
            pool.process.terminate()

    def kill(self) -> None:
        """End all processes now, and wait for it."""
        self.stop()
        # SIGTERM once more means their children as well; SIGKILL would leave them.
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            for pool in self._pools:
                pool.process.send_signal(number)
            for pool in self._pools:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pool.process.wait(_PATIENCE)
            self._pools = [one for one in self._pools if one.process.poll() is None]
        for pool in self._pools:
            pool.process.wait()
        self._pools = []
        self._current = None

    def _listeners(self) -> list[socket.socket]:
        scgi = self._plan.scgi if self._plan else None
        return [one for one in (self._own, scgi) if one is not None]

    def _watch(self, wanted: Sequence[socket.socket]) -> None:
        for sock in self._watched:
            if sock not in wanted:
                self._selector.unregister(sock)
        for sock in wanted:
            if sock not in self._watched:
                self._selector.register(
                    sock, selectors.EVENT_READ, lambda s=sock: self._on_connection(s)
                )
        self._watched = [*wanted]

    def _on_connection(self, listener: socket.socket) -> None:
        if self._is_refusing():
            _refuse(listener)
        else:
            self._is_asked_for = True

    def _is_refusing(self) -> bool:
        return self._start_at is not None and self._failures > 1

    def _try_to_start(self, plan: Plan, now: float) -> None:
        self._watch(())
        self._is_asked_for = False
        try:
            process = self._start_process(plan)
        except OSError as exc:
            who = f" as {self._account.name}" if self._account else ""
            self._back_off(f"the pool cannot be started{who}: {exc}", now)
            return
        self._current = _Pool(process, now)
        self._pools.append(self._current)
        if plan.nice < 0:
            _prefer(process.pid, plan.nice)

    def _start_process(self, plan: Plan) -> subprocess.Popen[bytes]:
        assert self._own
        account = self._account
        scgi = plan.scgi.fileno() if plan.scgi else -1
        return subprocess.Popen(
            [*self._command, str(scgi), plan.settings],
            pass_fds=[scgi] if plan.scgi else [],
            cwd="/",
            env=_make_environment(),
            stdin=self._own.fileno(),
            stdout=plan.error_log,
            stderr=plan.error_log,
            # Scripts have no terminal; and its signals are for the supervisor.
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=account.groups if account else None,
        )

    def _judge_end(self, pool: _Pool, now: float) -> None:
        """Tell a pool that has left, or was killed, from one that cannot work.

        One that has served all who asked was able to.
        """
        assert self._plan
        status = pool.process.returncode
        how = f"signal {-status}" if status < 0 else f"status {status}"
        idle = self._plan.idle
        # Whoever leaves sooner than that did not leave because it was idle.
        healthy_after = _HEALTHY_AFTER if status or idle is None else idle
        is_needed = idle is None or _is_any_waiting(self._listeners())
        text = f"pool {pool.process.pid} ended with {how}"
        if now - pool.started < healthy_after and is_needed:
            self._back_off(text, now)
            return
        self._failures = 0
        if status:
            _log.error("%s", text)

    def _back_off(self, text: str, now: float) -> None:
        self._failures += 1
        pause = pause_after(self._failures)
        self._start_at = now + pause
        if self._is_refusing():
            _log.error("%s, requests that need it are refused for %.1f s", text, pause)
        else:
            _log.error("%s, another one starts in %.1f s", text, pause)


def _pool_command() -> list[str]:
    path = [os.path.abspath(folder) for folder in sys.path]
    return [sys.executable, "-c", _BOOT, json.dumps([path, os.getpid()])]


def _make_environment() -> dict[str, str]:
    """Return what a pool needs for itself; the supervisor's secrets are not for it."""
    environment = {"PATH": _PATH, "LANG": "C.UTF-8"}
    # This Python may not start without.
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {**environment, "LD_LIBRARY_PATH": libraries} if libraries else environment


def _identify(plan: Plan) -> object:
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


def _is_any_waiting(sockets: Sequence[socket.socket]) -> bool:
    poll = select.poll()
    for sock in sockets:
        poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _refuse(listener: socket.socket) -> None:
    """Close all connections that wait."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # no more
        connection.close()
