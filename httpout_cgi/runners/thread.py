"""Run scripts in threads of this process.

One queue feeds all threads, and one mailbox brings their news to the loop: a wake-up
serves whatever is in it.  Must not know how a script is executed, or HTTP.
"""

import asyncio
import ctypes
import logging
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter import context, lifetime, working_directory
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute
from httpout_cgi.interpreter.run_context import RunContext, RunInterrupted
from httpout_cgi.runners.thread_run import ThreadRun
from httpout_cgi.runners.work_queue import WorkQueue
from httpout_cgi.scripts import Invocation

_log = logging.getLogger(__name__)

_SWEEP_SECONDS = 0.1
# Between two interrupts: long enough to report the first one.
_AGAIN_SECONDS = 0.3


class ThreadRunner:
    """Runs scripts in ``threads`` threads; ``queue`` more may wait for one.

    Only the loop's thread calls its methods.  A run that lost its reader may stay
    silent for ``grace`` seconds before it is interrupted; a thread that does not end
    within ``patience`` seconds of that is given up and replaced.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        code_cache: CodeCache,
        *,
        threads: int = 16,
        queue: int = 256,
        grace: float = 3.0,
        patience: float = 5.0,
    ) -> None:
        context.install()
        self._loop = loop
        self._cache = code_cache
        self._grace = grace
        self._patience = patience
        self._has_directories = working_directory.is_available()
        if not self._has_directories:
            _log.warning(
                "this system has no working directory per thread (unshare):"
                " scripts run one at a time"
            )
            threads = 1
        self._thread_count = threads
        self._limit = threads + queue
        self._queue: WorkQueue[ThreadRun | None] = WorkQueue(loop)
        self._threads: set[threading.Thread] = set()
        self._active: set[ThreadRun] = set()
        self._stuck: set[ThreadRun] = set()
        self._mailbox: deque[ThreadRun] = deque()
        self._is_drain_due = False
        self._sweeper: asyncio.TimerHandle | None = None
        # Guards a run's context and is_abandoned: whoever holds it may interrupt.
        self._guard = threading.Lock()
        self._umask = os.umask(0o022)
        os.umask(self._umask)

    @property
    def stuck(self) -> int:
        """Count the threads that were given up and have not come back."""
        return len(self._stuck)

    def start(self, invocation: Invocation) -> ThreadRun:
        """Start a run.  Whoever receives it closes it.

        Raises HTTPError 503 with Retry-After when too many wait for a thread.
        """
        if len(self._active) >= self._limit:
            if invocation.stdin is not None:
                invocation.stdin.close()
            raise _unavailable("the queue for threads is full")
        if not self._threads:
            for _ in range(self._thread_count):
                self._add_thread()
        run = ThreadRun(invocation, self._post)
        self._active.add(run)
        self._queue.put(run)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        return run

    async def shutdown(self, seconds: float) -> None:
        """Wait for what runs, at most so long, then interrupt it; end the threads.

        A thread that is stuck is left behind; it does not keep the process alive.
        """
        await _wait_until(lambda: not self._active, seconds)
        for run in list(self._active):
            # The next sweep interrupts it.
            run.fail(_unavailable("the server is shutting down"))
        self._queue.put_at_once([None] * len(self._threads))
        await _wait_until(lambda: not any(t.is_alive() for t in self._threads), 1.0)
        self._threads.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, name="script", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _replace(self, thread: threading.Thread) -> None:
        self._threads.discard(thread)
        self._add_thread()

    def _drain(self) -> None:
        """Read the mailbox."""
        # First: what is posted from now on wakes the loop again.
        self._is_drain_due = False
        mailbox = self._mailbox
        while mailbox:
            run = mailbox.popleft()
            if run.is_finished:
                self._active.discard(run)
                self._stuck.discard(run)
            run.wake()

    def _sweep(self) -> None:
        """Look after the time limits of all runs at once."""
        # A thread that was interrupted on its way to wake us may not have.
        self._drain()
        now = time.monotonic()
        for run in list(self._active):
            self._check(run, now)
        for run in self._stuck:
            self._interrupt(run)
        self._sweeper = None
        if self._active or self._stuck:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _check(self, run: ThreadRun, now: float) -> None:
        if run.closed is None:
            self._check_time_limit(run, now)
        elif run.error is not None or now - run.closed > self._grace:
            self._interrupt(run)
        if run.interrupted is not None and now - run.interrupted > self._patience:
            self._give_up(run)

    def _check_time_limit(self, run: ThreadRun, now: float) -> None:
        seconds = run.invocation.script.mount.timeout
        if run.started is None:
            if now - run.queued > seconds:
                run.fail(_unavailable(f"waited {seconds:g} s for a thread"))
        elif now - run.started > seconds:
            run.log(logging.ERROR, f"over its time limit of {seconds:g} s")
            reason = f"over the time limit of {seconds:g} s"
            run.fail(HTTPError(HTTPStatus.GATEWAY_TIMEOUT, reason))
            self._interrupt(run)

    def _interrupt(self, run: ThreadRun) -> None:
        """Raise an exception in the run's threads.

        Done again until it works: a bare ``except:`` may swallow some.
        """
        now = time.monotonic()
        with self._guard:
            if run.context is None or run.thread is None or now < run.next_interrupt:
                return
            run.interrupted = run.interrupted or now
            run.next_interrupt = now + _AGAIN_SECONDS
            threads = [run.thread]
            if "threads" in run.context.__dict__:
                threads += run.context.threads
            for thread in threads:
                if thread.ident in run.in_our_code:
                    continue  # next time
                if thread.ident is not None and thread.is_alive():
                    raise_in_thread(thread.ident, RunInterrupted)

    def _give_up(self, run: ThreadRun) -> None:
        with self._guard:
            if run.context is None or run.thread is None:
                return
            run.is_abandoned = True
        run.log(logging.ERROR, "its thread is stuck; another one takes its place")
        self._active.discard(run)
        self._stuck.add(run)
        self._replace(run.thread)

    # From here on: called by the threads.

    def _post(self, run: ThreadRun) -> None:
        """Let the loop look at a run."""
        self._mailbox.append(run)
        if not self._is_drain_due:
            self._is_drain_due = True
            # A closed loop: the server has gone, and nobody waits.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._drain)

    def _work(self) -> None:
        # The threads that a script starts inherit this; ours stays a daemon, for
        # that is decided when it starts.
        threading.current_thread()._daemonic = False  # type: ignore[attr-defined]
        try:
            if self._has_directories:
                working_directory.own_working_directory()
            while self._serve_next():
                pass
        except BaseException:
            _log.exception("a thread for scripts has died; another takes its place")
            self._retire()

    def _serve_next(self) -> bool:
        """Do one run; tell whether this thread can do another."""
        run = self._queue.take()
        if run is None:
            return False
        try:
            self._serve(run)
        except RunInterrupted:
            self._conclude(run)  # it was late, and struck at the end of the run
        if run.is_abandoned:
            return False
        if run.leaves_threads:
            # They share this thread's working directory.
            self._retire()
            return False
        return True

    def _retire(self) -> None:
        with suppress(RuntimeError):  # as in _post
            self._loop.call_soon_threadsafe(self._replace, threading.current_thread())

    def _serve(self, run: ThreadRun) -> None:
        try:
            if run.closed is None:
                self._perform(run)
        except RunInterrupted:
            pass  # while the run was ending anyway
        except BaseException:
            _log.exception("a run failed outside of its script")
            run.failure = traceback.format_exc()
        self._conclude(run)

    def _perform(self, run: ThreadRun) -> None:
        invocation = run.invocation
        script = invocation.script
        directory = os.path.dirname(script.path)
        working_directory.change_to(directory)
        os.umask(self._umask)
        process = RunContext(
            script.path,
            directory,
            environment=invocation.environment,
            write=run.write,
            write_error=run.write_error,
            arguments=invocation.arguments,
            stdin=invocation.stdin,
            open_pipe=run.open_pipe,
            leave_output=run.leave_output,
        )
        run.thread = threading.current_thread()
        run.started = time.monotonic()
        run.context = process
        execute(process, self._cache, script.stat)

    def _conclude(self, run: ThreadRun) -> None:
        """Note how a run ended; harmless if it has been done."""
        if run.is_finished:
            return
        process = None
        try:
            with self._guard:
                process, run.context = run.context, None
            if run.interrupted is not None:
                # An interrupt that is still on its way strikes at a jump, here.  It
                # cannot be taken back: that leaves CPython's eval breaker set.
                for _ in range(10):
                    pass
        except RunInterrupted:
            pass
        if process is not None:
            run.failure = process.failure
            run.leaves_threads = lifetime.has_threads(process)
            if process.exit_code and process.failure is None:
                run.log(logging.INFO, f"exit code {process.exit_code}")
        if run.invocation.stdin is not None:
            run.invocation.stdin.close()
        run.is_finished = True
        self._post(run)


async def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)


def _unavailable(reason: str) -> HTTPError:
    fields = [("Retry-After", "1")]
    return HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, reason, fields=fields)


def raise_in_thread(thread_id: int, exception: type[BaseException]) -> None:
    """Raise an exception in a thread at one of its next bytecodes.

    While it waits for a thread that is blocked, CPython 3.11 is slower, and code that
    is traced (by coverage) spins for good.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread_id), ctypes.py_object(exception)
    )
