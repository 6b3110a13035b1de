"""The keeper of a pool: owns its socket, starts it when it is asked for, ends it.

The pool process inherits the listening socket; while none lives, connections wait in
its backlog.  Reads no byte of them.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from httpout_cgi.config import Listener
from httpout_cgi.processes import launch, listeners
from httpout_cgi.processes.account_log import AccountLog
from httpout_cgi.processes.backoff import pause_after
from httpout_cgi.processes.launch import Plan
from httpout_cgi.processes.privileges import Account

# How long one that is to be killed has to end its children.
_PATIENCE: Final = 0.5

_log = logging.getLogger(__name__)


class PoolKeeper:
    """Only the supervisor's loop touches it; the clock is passed in.

    A pool that begins to serve makes its listener non-blocking, which we see, as the
    flag is shared by all that inherit a socket.  After one that did not come so far,
    the next start waits, and connections are closed meanwhile.  ``is_hosted`` is for an
    account that may not have our error log.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        account: Account | None,
        command: Sequence[str] = (),
        *,
        is_hosted: bool = False,
    ) -> None:
        self._selector = selector
        self._account = account
        self._is_hosted = is_hosted
        self._logs: list[AccountLog] = []
        self._command = [*command]
        self._plan: Plan | None = None
        self._identity: object = None
        self._stack = contextlib.ExitStack()
        self._own: socket.socket | None = None
        self._watched: list[socket.socket] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        # The one that accepts; others finish what they have.
        self._current: subprocess.Popen[bytes] | None = None
        self._is_asked_for = False
        self._is_stopping = False
        self._failures = 0
        self._start_at: float | None = None
        self.address = ""

    def __len__(self) -> int:
        """Count the processes that have not ended."""
        return len(self._processes)

    @property
    def is_asleep(self) -> bool:
        """Tell whether nobody is there, and nobody has asked for somebody."""
        return not (self._processes or self._is_asked_for or self._start_at)

    def open(self, path: Path) -> None:
        """Listen at a path; nothing is started before ``configure`` and ``tend``.

        Raises StartError.
        """
        listener = Listener(path=path)
        self._own = listeners.bind(listener)
        self._stack.callback(listeners.close, listener, self._own)
        self.address = str(path)

    def close(self) -> None:
        """End all processes now, and remove the socket."""
        self.kill()
        for log in self._logs:
            log.close()
        self._stack.close()
        self._own = None

    def configure(self, plan: Plan) -> None:
        """Start pools like that from now on; one that is different is replaced."""
        identity = launch.identify(plan)
        if identity == self._identity:
            self._plan = plan
            return
        self._watch(())
        self._plan, self._identity = plan, identity
        self._failures, self._start_at = 0, None
        self.dismiss()

    def dismiss(self) -> None:
        """Let the one that is there leave when it has done what it does.

        Whoever waits gets another one.
        """
        if self._current:
            self._current.terminate()
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
        else:
            self._watch(self._listeners())

    def next_start(self) -> float | None:
        """Return when ``tend`` has to be called again without an event."""
        return None if self._is_stopping else self._start_at

    def reap(self, now: float) -> None:
        """Take note of pools that have ended."""
        for process in [one for one in self._processes if one.poll() is not None]:
            self._processes.remove(process)
            if process is self._current:
                self._current = None
                self._judge_end(process, now)

    def stop(self) -> None:
        """Let all processes finish what they do, and end."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._watch(())
        for process in self._processes:
            process.terminate()

    def kill(self) -> None:
        """End all processes now, and wait for it."""
        self.stop()
        # SIGTERM once more means their children as well; SIGKILL would leave them.
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            for process in self._processes:
                process.send_signal(number)
            for process in self._processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
        for process in self._processes:
            process.wait()
        self._processes = []
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
        if self._start_at is None:
            self._is_asked_for = True
        else:
            _refuse(listener)

    def _try_to_start(self, plan: Plan, now: float) -> None:
        self._watch(())
        self._is_asked_for = False
        assert self._own
        self._own.setblocking(True)
        try:
            self._current = self._start(plan, self._own)
        except OSError as exc:
            who = f" as {self._account.name}" if self._account else ""
            self._back_off(f"the pool cannot be started{who} ({exc})", now)
            return
        self._processes.append(self._current)

    def _start(self, plan: Plan, own: socket.socket) -> subprocess.Popen[bytes]:
        if self._account is None or not self._is_hosted:
            return launch.start(plan, self._command, own, self._account)
        self._logs = [one for one in self._logs if one.is_open]
        log = AccountLog(self._selector, self._account.name)
        self._logs.append(log)
        try:
            return launch.start(plan, self._command, own, self._account, log.write_end)
        finally:
            log.begin()

    def _judge_end(self, process: subprocess.Popen[bytes], now: float) -> None:
        """Tell one that has left, or was killed, from one that cannot start."""
        status = process.returncode
        how = f"signal {-status}" if status < 0 else f"status {status}"
        whose = f" of {self._account.name}" if self._account else ""
        text = f"pool {process.pid}{whose} ended with {how}"
        assert self._own
        if os.get_blocking(self._own.fileno()):
            self._back_off(f"{text} before it was ready", now)
            return
        self._failures = 0
        if status:
            _log.error("%s", text)

    def _back_off(self, text: str, now: float) -> None:
        self._failures += 1
        pause = pause_after(self._failures)
        self._start_at = now + pause
        _log.error("%s, who asks for it is refused for %.1f s", text, pause)


def _refuse(listener: socket.socket) -> None:
    """Close all connections that wait."""
    listener.setblocking(False)
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # no more
        connection.close()
