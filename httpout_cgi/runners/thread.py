"""Run scripts in threads of this process.

One queue feeds all threads, and one mailbox brings their news to the loop: a wake-up
serves whatever is in it.  Must not know how a script is executed, or HTTP.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from httpout_cgi.interpreter import children, context, interrupts, run_streams
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.runners.base import time_is_over, unavailable
from httpout_cgi.runners.doorbell import Doorbell
from httpout_cgi.runners.leftovers import Leftovers
from httpout_cgi.runners.pages import Pages, cancel, flush, is_idle
from httpout_cgi.runners.script_threads import ScriptThreads
from httpout_cgi.runners.thread_run import YOUNG, ThreadRun
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
    within ``patience`` seconds of that is given up and replaced.  ``on_worn_out`` is
    called, once, when as many have been lost so as there should be at work: each keeps
    its memory, and slows CPython down.
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
        on_worn_out: Callable[[], None] = lambda: None,
        pages: Pages | None = None,
    ) -> None:
        context.install()
        self._loop = loop
        self._grace = grace
        self._patience = patience
        self._on_worn_out = on_worn_out
        self._is_worn_out = False
        self._queue: WorkQueue[ThreadRun | None] = WorkQueue(loop)
        # Guards a run's context and is_abandoned: whoever holds it may interrupt.
        self._guard = threading.Lock()
        self._workers = ScriptThreads(
            self._queue,
            code_cache,
            self._guard,
            pages or Pages(loop),
            self._resume_if_idle,
            self._post,
            self._retire,
        )
        if not self._workers.has_directories:
            _log.warning(
                "this system has no working directory per thread (unshare):"
                " scripts run one at a time"
            )
            threads = 1
        self._thread_count = threads
        self._limit = threads + queue
        self._threads: set[threading.Thread] = set()
        self._active: set[ThreadRun] = set()
        # Pages that have begun just now, whose output wakes nobody.
        self._young: list[ThreadRun] = []
        # Pages without a thread: only their coroutines go on.
        self._left: set[ThreadRun] = set()
        self._stuck: set[ThreadRun] = set()
        self._leftovers = Leftovers(patience)
        self._mailbox: deque[ThreadRun] = deque()
        self._doorbell = Doorbell(loop, self._drain)
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def stuck(self) -> int:
        """Count the threads that were given up and have not come back."""
        return len(self._stuck)

    @property
    def leftovers(self) -> int:
        """Count the runs that are over but have threads that go on."""
        return len(self._leftovers)

    def start(self, invocation: Invocation) -> ThreadRun:
        """Start a run.  Whoever receives it closes it.

        Raises HTTPError 503 with Retry-After when too many wait for a thread.
        """
        if len(self._active) >= self._limit:
            if invocation.stdin is not None:
                invocation.stdin.close()
            raise unavailable("the queue for threads is full")
        if not self._threads:
            for _ in range(self._thread_count):
                self._add_thread()
        run = ThreadRun(invocation, self._loop, self._post)
        self._active.add(run)
        self._queue.put(run)
        if invocation.script.mount.output == "page":
            self._watch_young(run)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        return run

    async def shutdown(self, seconds: float) -> None:
        """Wait for what runs, at most so long, then interrupt it; end the threads.

        A thread that is stuck is left behind; it does not keep the process alive.
        """
        await _wait_until(lambda: not (self._active or self._left), seconds)
        for run in list(self._left):
            cancel(run.left)
        for run in [*self._active, *self._left]:
            # The next sweep interrupts it.
            run.fail(unavailable("the server is shutting down"))
        self._queue.put_at_once([None] * len(self._threads))
        await _wait_until(lambda: not any(t.is_alive() for t in self._threads), 1.0)
        self._threads.clear()
        self._doorbell.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _add_thread(self) -> None:
        self._threads.add(self._workers.start_one())

    def _replace(self, thread: threading.Thread) -> None:
        self._threads.discard(thread)
        self._add_thread()

    def _drain(self) -> None:
        """Read the mailbox."""
        mailbox = self._mailbox
        while mailbox:
            run = mailbox.popleft()
            if run.left is not None and not run.has_left:
                run.has_left = True
                self._active.discard(run)
                self._left.add(run)
                self._resume_if_idle(run)
            if run.is_finished:
                self._active.discard(run)
                self._stuck.discard(run)
                if run.leftover is not None:
                    self._leftovers.add(run)
            run.wake()

    def _watch_young(self, run: ThreadRun) -> None:
        run.is_page = True
        if not self._young:
            self._loop.call_later(YOUNG, self._look_at_young)
        self._young.append(run)

    def _look_at_young(self) -> None:
        """Send what young pages have printed, while there are any."""
        border = time.monotonic() - 2 * YOUNG
        young, self._young = self._young, []
        for run in young:
            run.wake_if_due()
            is_young = run.started is None or run.started > border
            if is_young and not run.is_finished:
                self._young.append(run)
        if self._young:
            self._loop.call_later(YOUNG, self._look_at_young)

    def _resume_if_idle(self, run: ThreadRun) -> None:
        """Let a thread do the end of a page whose coroutines are over."""
        if run in self._left and run.left is not None and is_idle(run.left):
            self._left.discard(run)
            self._active.add(run)
            self._queue.put(run)

    def _sweep(self) -> None:
        """Look after the time limits of all runs at once."""
        # A thread that was interrupted on its way to wake us may not have.
        self._doorbell.answer()
        now = time.monotonic()
        for run in list(self._active):
            flush(run.context)
            # It may have been too late for _look_at_young.
            run.wake_if_due()
            self._check(run, now)
        for run in list(self._left):
            flush(run.left)
            run.wake_if_due()
            if run.closed is not None and now - run.closed > self._grace:
                cancel(run.left)
        for run in self._stuck:
            self._interrupt(run)
        self._leftovers.sweep(now)
        if len(self._stuck) + self._leftovers.lost >= self._thread_count:
            self._wear_out()
        self._sweeper = None
        left = children.reap() + run_streams.reclaim()
        if self._active or self._left or self._stuck or self._leftovers or left:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _wear_out(self) -> None:
        if not self._is_worn_out:
            self._is_worn_out = True
            self._on_worn_out()

    def _check(self, run: ThreadRun, now: float) -> None:
        if run.closed is None:
            self._check_time_limit(run, now)
            if run.context is not None and run.context.is_aborted:
                self._interrupt(run)  # it may have swallowed what os._exit() raised
        elif run.error is not None or now - run.closed > self._grace:
            self._interrupt(run)
        if run.interrupted is not None and now - run.interrupted > self._patience:
            self._give_up(run)

    def _check_time_limit(self, run: ThreadRun, now: float) -> None:
        seconds = run.invocation.script.mount.timeout
        if run.started is None:
            if now - run.queued > seconds:
                run.fail(unavailable(f"waited {seconds:g} s for a thread"))
        elif now - run.started > seconds:
            run.log(logging.ERROR, f"over its time limit of {seconds:g} s")
            run.fail(time_is_over(seconds))
            self._interrupt(run)

    def _interrupt(self, run: ThreadRun) -> None:
        """Raise an exception in the run's threads.

        Done again until it works: a bare ``except:`` may swallow some.
        """
        now = time.monotonic()
        with self._guard:
            if run.context is None or run.thread is None or now < run.next_interrupt:
                return
            run.next_interrupt = now + _AGAIN_SECONDS
            thread_id = run.thread.ident
            assert thread_id is not None  # it has started
            cancel(run.context)
            if interrupts.interrupt(run.context, thread_id):
                run.interrupted = run.interrupted or now

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
        self._doorbell.ring(goes_on=bool(self._queue))

    def _retire(self, thread: threading.Thread) -> None:
        """Let another thread take the place of one that ends."""
        # A closed loop: the server has gone, and nobody waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._replace, thread, context=Context())


async def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
