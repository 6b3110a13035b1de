"""The supervisor: binds the listeners and keeps workers and pools alive.

Single-threaded.  Reads no byte that a client sent.  Signal handlers only enqueue, by
way of the wakeup descriptor; the loop acts.
"""

import contextlib
import logging
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from httpout_cgi import access_log, error_log
from httpout_cgi.accounts import Accounts
from httpout_cgi.config import Config, dump, warnings
from httpout_cgi.errors import ConfigError, StartError
from httpout_cgi.processes import (
    certificate,
    control,
    listeners,
    privileges,
    pythons,
    signals,
)
from httpout_cgi.processes.bound_listeners import BoundListeners
from httpout_cgi.processes.certificate import Certificate
from httpout_cgi.processes.fleet import Fleet
from httpout_cgi.processes.launch import (
    make_account_plan,
    make_plan,
    make_python_plan,
)
from httpout_cgi.processes.log_files import LogFiles, open_logs
from httpout_cgi.processes.pools import Pools, UserPlans
from httpout_cgi.processes.settings_watch import SettingsWatch, list_files

# The workers end what is left after shutdown_timeout; so much longer is for a worker
# that cannot.
_LAST_RESORT: Final = 2.0

_log = logging.getLogger(__name__)


class Supervisor:
    """One run of the server, from its first byte of settings to its exit.

    ``load`` returns the settings, now and at each reload.  ``announce`` is told once,
    when the first worker is ready: the settings, and one URL for each listener.
    """

    def __init__(
        self,
        load: Callable[[], Config],
        announce: Callable[[Config, Sequence[str]], None],
    ) -> None:
        self._load = load
        self._announce = announce
        self._config = load()
        self._watch = SettingsWatch(self._config)
        self._certificate: Certificate | None = None
        self._logs: LogFiles | None = None
        self._stop_at: float | None = None
        self._had_terminal = signals.has_terminal()
        self._account = privileges.choose_account(self._config)
        self._listeners = BoundListeners(self._account)
        self._text = ""
        self._selector = selectors.DefaultSelector()
        self._fleet = Fleet(self._selector, self._account)
        self._fleet.on_ready = self._on_first_ready
        self._pools = Pools(self._selector, self._account)
        self._fleet.on_question = self._pools.ask

    def run(self) -> None:
        """Serve until a signal says to stop.

        Raises ConfigError or StartError if that is impossible.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._selector.close)
            stack.callback(self._close)
            wakeup = stack.enter_context(signals.receive())
            self._selector.register(
                wakeup, selectors.EVENT_READ, lambda: self._on_signals(wakeup)
            )
            stack.callback(self._pools.close)
            self._pools.open()
            self._apply(self._config)
            stack.callback(self._fleet.kill)
            while self._stop_at is None or len(self._fleet) or len(self._pools):
                self._turn()

    def _turn(self) -> None:
        """Start what is missing, then wait for events and act on them."""
        now = time.monotonic()
        if self._stop_at is None:
            self._fleet.tend(now, self._configuration())
            if self._watch.has_changed(self._config, now):
                self._reload()
        elif now >= self._stop_at:
            _log.warning("processes that did not end in time are killed")
            self._fleet.kill()
            self._pools.kill()
            return
        elif not len(self._fleet):
            # Not before: until they have ended, workers may need it.
            self._pools.stop()
        self._pools.tend(now)
        for key, _ in self._selector.select(self._pause(now)):
            key.data()

    def _pause(self, now: float) -> float:
        until = self._watch.next_check if self._stop_at is None else self._stop_at
        for start in (self._fleet.next_start(), self._pools.next_start()):
            until = until if start is None else min(until, start)
        return max(0.0, until - now)

    def _on_signals(self, wakeup: socket.socket) -> None:
        # A set: ten times SIGCHLD is one.  Sorted, so that the order is defined.
        received = wakeup.recv(4096)
        for number in sorted(set(received)):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop(received.count(number))
            elif number == signal.SIGHUP and self._terminal_is_gone():
                self._stop(1)
            elif number == signal.SIGHUP:
                self._reload()
            elif number == signal.SIGUSR1:
                self._reopen_logs()
            elif number == signal.SIGCHLD:
                self._pools.reap(time.monotonic())
                self._fleet.reap(time.monotonic())

    def _terminal_is_gone(self) -> bool:
        """Tell a closed terminal from a wish to reload: both come as SIGHUP."""
        return self._had_terminal and not signals.has_terminal()

    def _on_first_ready(self) -> None:
        self._fleet.on_ready = lambda: None
        if self._stop_at is None:  # else it was told to stop meanwhile
            self._announce(self._config, self._urls())

    def _stop(self, times: int) -> None:
        """Let the workers finish; the second time, do not wait for them."""
        if self._stop_at is not None or times > 1:
            self._stop_at = 0.0
            return
        _log.info("stopping")
        patience = self._config.shutdown_timeout + _LAST_RESORT
        self._stop_at = time.monotonic() + patience
        self._fleet.stop()
        self._listeners.close(self._config.listen)

    def _reload(self) -> None:
        """Use the settings files as they are now, or go on with what we have."""
        if self._stop_at is not None:
            return
        # Before reading: an edit while we read is seen the next time.
        self._watch.see(list_files(self._config))
        since = time.time_ns()
        try:
            new = self._load()
            # All that was read: what is wrong may be mended in any of them.
            self._watch.see_more(list_files(new), since)
            self._apply(new)
        except ConfigError as exc:
            self._watch.see_more(exc.files, since)
            for problem in exc.problems:
                _log.error("not reloaded: %s", problem)
        except StartError as exc:
            _log.error("not reloaded: %s", exc)
        else:
            self._watch.keep(list_files(new))
            _log.info("reloaded; listening on %s", ", ".join(self._urls()))

    def _reopen_logs(self) -> None:
        if self._stop_at is not None:
            return
        try:
            self._use_logs(open_logs(self._config))
        except StartError as exc:
            _log.error("logs not reopened: %s", exc)
            return
        self._configure()
        _log.info("logs reopened")

    def _apply(self, new: Config) -> None:
        """Take settings into use, all or nothing.

        Raises ConfigError or StartError; nothing has changed then.
        """
        privileges.choose_account(new)  # what is wrong with it would show too late
        problems = [*warnings(new), *privileges.check_root(new, self._account)]
        privileges.check_folders(new, self._account)
        pythons.check(new.pools.python, self._account)
        access_log.validate(new.log.access.format)
        read = certificate.read(new.tls) if new.tls else None
        logs = open_logs(new)
        try:
            sockets = self._listeners.bind(new, self._config)
        except BaseException:
            logs.close()
            raise
        old, self._config, self._text = self._config, new, dump(new)
        removed, self._certificate = self._listeners.take(sockets), read
        self._use_logs(logs)
        self._fleet.want(new.worker_count)
        self._configure()
        for listener, sock in removed.items():
            listeners.close(listener, sock)
        for problem in [*problems, *(read.warnings if read else ())]:
            _log.warning("%s", problem)
        _warn_of_restart(old, new)

    def _configure(self) -> None:
        """Tell workers and pool what is in use now."""
        assert self._logs
        self._fleet.configure(self._configuration())
        listener = self._config.pools.scgi_listen
        scgi = self._listeners[listener] if listener else None
        config, error = self._config, self._logs.error
        self._pools.configure(
            make_plan(config, error, scgi),
            self._plan_users(),
            lambda python: make_python_plan(config, python, error),
        )

    def _plan_users(self) -> UserPlans | None:
        config, logs = self._config, self._logs
        assert logs
        if config.users is None or self._account is None:
            return None
        accounts = Accounts(config.users, self._account.name)
        return UserPlans(
            accounts, lambda home: make_account_plan(config, home, logs.error)
        )

    def _configuration(self) -> control.Configuration:
        assert self._logs
        return control.Configuration(
            self._text,
            self._logs.access,
            self._logs.error,
            tuple(self._listeners[one].fileno() for one in self._config.listen),
            self._pools.address,
            self._certificate.pem if self._certificate else "",
        )

    def _urls(self) -> list[str]:
        return [
            listeners.describe(one, self._listeners[one]) for one in self._config.listen
        ]

    def _use_logs(self, logs: LogFiles) -> None:
        error = self._config.log.error
        error_log.configure(logs.error, error.level, error.format)
        if self._logs:
            self._logs.close()
        self._logs = logs

    def _close(self) -> None:
        self._listeners.close_all()
        if self._logs:
            self._logs.close()


def _warn_of_restart(old: Config, new: Config) -> None:
    for name in ("user", "group", "loop", "no_new_privileges"):
        if getattr(old, name) != getattr(new, name):
            _log.warning("a changed %s needs a restart", name)
