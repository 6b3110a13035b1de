"""The fleet: as many worker processes as wanted, restarted when they die."""

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from httpout_cgi.errors import StartError
from httpout_cgi.processes import boot, control
from httpout_cgi.processes.backoff import pause_after
from httpout_cgi.processes.privileges import Account

# Not "-m": that would put the current folder, and any types.py in it, before the
# standard library.  A worker imports what the supervisor imports.
_BOOT: Final = f"""\
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
try:
    from httpout_cgi.processes.worker import main
except Exception as exc:
    print("httpout-cgi: a worker cannot start:", repr(exc), file=sys.stderr)
    sys.exit({control.CANNOT_START})
sys.exit(main())
"""

# Deaths in a row without a worker that became ready, until we give up.
START_ATTEMPTS: Final = 5
_READ_SIZE: Final = 4096
# A worker that lived for so long was healthy: its death starts a new count.
_HEALTHY_AFTER: Final = 10.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    channel: socket.socket
    started: float
    ready: bool = False
    unwanted: bool = False
    # It has asked for a successor, which is not ready yet.
    leaving: bool = False
    words: control.Words = field(default_factory=control.Words)


def worker_command() -> list[str]:
    """Return the command of a worker, short of the descriptor of its channel."""
    path = json.dumps([os.path.abspath(folder) for folder in sys.path])
    return [sys.executable, "-c", _BOOT, path]


class Fleet:
    """Only the supervisor's loop touches it; the clock is passed in.

    ``on_ready`` is called whenever a worker has become ready, ``on_question`` when one
    asks for a pool that is not the site's own: it returns the answer.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        account: Account | None,
        command: Sequence[str] = (),
    ) -> None:
        self._selector = selector
        self._account = account
        self._command = [*(command or worker_command())]
        self._workers: list[_Worker] = []
        self._wanted = 0
        self._deaths = 0
        self._failed_starts = 0
        self._start_at = 0.0
        self.on_ready: Callable[[], None] = lambda: None
        self.on_question: Callable[[str], control.Answer] = control.Answer

    def __len__(self) -> int:
        """Count the processes that have not ended."""
        return len(self._workers)

    def want(self, number: int) -> None:
        """Set how many workers there should be; ``tend`` starts and stops them."""
        self._wanted = number

    def configure(self, configuration: control.Configuration) -> None:
        """Send a configuration to every worker; one that does not read it is killed."""
        for worker in self._workers:
            self._send(worker, configuration)

    def tend(self, now: float, configuration: control.Configuration) -> None:
        """Start and stop workers until there are as many as wanted.

        Raises StartError if this Python cannot be run, and no worker is there.
        """
        wanted = [worker for worker in self._workers if not worker.unwanted]
        for worker in wanted[self._wanted :]:
            worker.unwanted = True
            worker.process.send_signal(signal.SIGTERM)
        for _ in range(self._wanted - len(wanted)):
            if now >= self._start_at:
                self._try_to_spawn(now, configuration)

    def next_start(self) -> float | None:
        """Return when ``tend`` has to be called again, if workers are missing."""
        alive = sum(not worker.unwanted for worker in self._workers)
        return self._start_at if alive < self._wanted else None

    def reap(self, now: float) -> None:
        """Take note of workers that have ended.

        Raises StartError if no worker could start, START_ATTEMPTS times.
        """
        for worker in [one for one in self._workers if one.process.poll() is not None]:
            self._forget(worker)
            if not worker.unwanted:
                self._count_death(worker, now)

    def stop(self) -> None:
        """Ask all workers to finish what they do, and to end."""
        self._wanted = 0
        for worker in self._workers:
            worker.unwanted = True
            worker.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all workers now, and wait for it."""
        self._wanted = 0
        for worker in list(self._workers):
            worker.process.kill()
            worker.process.wait()
            self._forget(worker)

    def _try_to_spawn(self, now: float, configuration: control.Configuration) -> None:
        try:
            self._spawn(now, configuration)
        except StartError as exc:
            if not self._workers:
                raise
            # The others go on: out of processes or memory, it may pass.
            _log.error("%s", exc)
            self._back_off(now)

    def _back_off(self, now: float) -> float:
        """Let the next start wait, longer each time; return for how many seconds."""
        self._deaths += 1
        pause = pause_after(self._deaths)
        self._start_at = now + pause
        return pause

    def _spawn(self, now: float, configuration: control.Configuration) -> None:
        ours, theirs = control.pair()
        try:
            process = self._start_process(theirs.fileno())
        except OSError as exc:
            ours.close()
            who = f" as {self._account.name}" if self._account else ""
            raise StartError(
                f"cannot start {self._command[0]}{who}: {exc.strerror or exc}"
            ) from exc
        finally:
            theirs.close()
        worker = _Worker(process, ours, now)
        self._workers.append(worker)
        self._selector.register(
            ours, selectors.EVENT_READ, lambda: self._on_message(worker)
        )
        self._send(worker, configuration)

    def _start_process(self, channel: int) -> subprocess.Popen[bytes]:
        account = self._account
        return subprocess.Popen(
            [*self._command, str(channel)],
            pass_fds=[channel],
            cwd="/",
            env=boot.make_worker_environment(),
            stdin=subprocess.DEVNULL,
            # Standard output may be the access log: what a library prints there
            # would be lines of it.
            stdout=2,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=account.groups if account else None,
        )

    def _send(
        self, worker: _Worker, message: control.Configuration | control.Answer
    ) -> None:
        try:
            if isinstance(message, control.Answer):
                control.send_answer(worker.channel, message)
            else:
                control.send_configuration(worker.channel, message)
        except BlockingIOError:
            _log.error("worker %d does not answer, killed", worker.process.pid)
            worker.process.kill()
        except OSError:
            pass  # it has just died; SIGCHLD is on its way

    def _on_message(self, worker: _Worker) -> None:
        if worker not in self._workers:
            return  # reaped between the selector's word and ours
        data = b""
        with contextlib.suppress(ConnectionError):
            data = worker.channel.recv(_READ_SIZE)
        if not data:
            self._selector.unregister(worker.channel)
        try:
            for word in worker.words.feed(data):
                self._obey(worker, word)
        except ValueError as exc:
            _log.error("worker %d says nonsense (%s), killed", worker.process.pid, exc)
            worker.process.kill()

    def _obey(self, worker: _Worker, word: bytes) -> None:
        if word == control.READY:
            worker.ready = True
            self._failed_starts = 0
            self._let_leave()
            self.on_ready()
        elif word == control.LEAVE:
            _log.warning("worker %d leaves, another one starts", worker.process.pid)
            worker.unwanted = worker.leaving = True
        else:
            answer = self.on_question(word[1:].decode("ascii"))
            self._send(worker, answer)

    def _let_leave(self) -> None:
        """Send those away who waited for a successor."""
        for worker in self._workers:
            if worker.leaving:
                worker.leaving = False
                with contextlib.suppress(OSError):  # it has just died
                    control.send_leave(worker.channel)

    def _forget(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.channel)
        worker.channel.close()

    def _count_death(self, worker: _Worker, now: float) -> None:
        status = worker.process.returncode
        how = f"signal {-status}" if status < 0 else f"status {status}"
        if not worker.ready:
            self._failed_starts += (
                START_ATTEMPTS if status == control.CANNOT_START else 1
            )
        elif now - worker.started >= _HEALTHY_AFTER:
            self._deaths = 0
        healthy = any(one.ready for one in self._workers)
        if self._failed_starts >= START_ATTEMPTS and not healthy:
            raise StartError(f"the workers cannot start: the last ended with {how}")
        pause = self._back_off(now)
        _log.error(
            "worker %d ended with %s, another one starts in %.1f s",
            worker.process.pid,
            how,
            pause,
        )
