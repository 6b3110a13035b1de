"""Run scripts in threads of this process.

One queue feeds all threads, one mailbox brings news back to the loop.  The loop
thread owns the runner; what other threads touch is said where it is.
"""

import asyncio
import ctypes
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from http import HTTPStatus
from queue import SimpleQueue

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter import context, working_directory
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute
from httpout_cgi.interpreter.run_context import RunContext, RunInterrupted
from httpout_cgi.scripts import Invocation

_log = logging.getLogger(__name__)
_script_log = logging.getLogger("httpout_cgi.script")

# One full pipe on Linux: what a script may be ahead of its reader.
_UNREAD = 65_536
_SWEEP_SECONDS = 0.1
# How long a run without a reader may stay silent before it is interrupted.
_GRACE_SECONDS = 3.0
# How long an interrupted thread may take before it counts as stuck.
_STUCK_SECONDS = 5.0


class ThreadRun:
    """A run in a thread; what starts with an underscore is for this file."""

    def __init__(self, invocation: Invocation, post: Callable[["ThreadRun"], None]):
        self._invocation = invocation
        self._post = post
        self._chunks: deque[bytes] = deque()  # the thread appends, the loop takes
        self._written = 0  # by the thread
        self._taken = 0  # by the loop
        self._context: RunContext | None = None
        self._room: threading.Event | None = None
        self._failure: str | None = None
        self._is_finished = False
        self._is_closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: HTTPError | None = None
        self._queued = time.monotonic()
        self._started: float | None = None
        self._closed: float | None = None
        self._interrupted: float | None = None
        self._thread_id = 0
        # Under the runner's guard: whether an exception may be sent to the thread.
        self._is_interruptible = False
        self._is_abandoned = False

    @property
    def ended(self) -> bool:
        """Tell whether all output has been read and no more will come."""
        return self._is_finished and not self._chunks

    @property
    def failure(self) -> str | None:
        """The traceback of what ended the run, once it ended, or None."""
        return self._failure

    async def read(self) -> bytes:
        """Wait for output and return all there is; ``b""`` is the end."""
        while True:
            if self._error is not None:
                raise self._error
            is_finished = self._is_finished
            if self._chunks:
                return self._take()
            if is_finished or self._is_closed:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def close(self) -> None:
        """End the run, if it has not ended; its output is dropped."""
        if not self._is_finished and not self._is_closed:
            self._closed = time.monotonic()
        self._is_closed = True
        self._chunks.clear()
        self._wake()

    def _take(self) -> bytes:
        chunks = self._chunks
        data = chunks.popleft()
        if chunks:
            parts = [data]
            while chunks:
                parts.append(chunks.popleft())
            data = b"".join(parts)
        self._taken += len(data)
        if self._room is not None:
            self._room.set()
        return data

    def _wake(self) -> None:
        """Wake the reader, and the writer that waits for one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._is_closed and self._room is not None:
            self._room.set()

    def _fail(self, error: HTTPError) -> None:
        self._error = error
        self.close()

    # From here on: called by the run's threads.

    def _write(self, data: bytes) -> None:
        if self._is_closed:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self._chunks.append(data)
        self._written += len(data)
        if self._context is None or not self._context.is_ending:
            self._post(self)
        if self._written - self._taken > _UNREAD:
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        self._post(self)
        room = self._room
        if room is None:
            self._room = room = threading.Event()
        while self._written - self._taken > _UNREAD and not self._is_closed:
            room.clear()
            # Looking again: the reader may have come by before clear().
            if self._written - self._taken > _UNREAD and not self._is_closed:
                room.wait()
        if self._is_closed:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def _write_error(self, line: bytes) -> None:
        script = self._invocation.script
        text = line.decode("utf-8", "backslashreplace")
        run_id = self._invocation.run_id
        values = (script.site, script.name, run_id, text)
        # Outside of the run: a handler must not meet the script's sys.stderr.
        Context().run(_script_log.error, "[%s %s %s] %s", *values)


class ThreadRunner:
    """Runs scripts in ``threads`` threads; ``queue`` more may wait for one.

    Only the loop's thread calls its methods.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        code_cache: CodeCache,
        *,
        threads: int = 16,
        queue: int = 256,
    ) -> None:
        context.install()
        self._loop = loop
        self._cache = code_cache
        self._has_directories = working_directory.is_available()
        if not self._has_directories:
            _log.warning("threads cannot have a working directory each here: one run")
            threads = 1
        self._thread_count = threads
        self._limit = threads + queue
        self._queue: SimpleQueue[ThreadRun | None] = SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._active: set[ThreadRun] = set()
        self._stuck: set[ThreadRun] = set()
        self._mailbox: deque[ThreadRun] = deque()
        self._is_drain_due = False
        self._sweeper: asyncio.TimerHandle | None = None
        # Guards a run's _is_interruptible and _is_abandoned.
        self._guard = threading.Lock()
        self._umask = os.umask(0o022)
        os.umask(self._umask)

    @property
    def stuck(self) -> int:
        """Count the threads that were given up and have not come back."""
        return len(self._stuck)

    def start(self, invocation: Invocation) -> ThreadRun:
        """Start a run; raises HTTPError 503 when too many wait."""
        if len(self._active) >= self._limit:
            if invocation.stdin is not None:
                invocation.stdin.close()
            raise HTTPError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the queue for threads is full",
                fields=[("Retry-After", "1")],
            )
        while len(self._threads) < self._thread_count:
            self._add_thread()
        run = ThreadRun(invocation, self._post)
        self._active.add(run)
        self._queue.put(run)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        return run

    async def shutdown(self, seconds: float) -> None:
        """Wait for what runs, at most so long, then interrupt it; end the threads."""
        deadline = time.monotonic() + seconds
        while self._active and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for run in self._active:
            run._fail(HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, "shutting down"))
            self._interrupt(run)
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + 1
        while self._active and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, name="script", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _drain(self) -> None:
        self._is_drain_due = False
        mailbox = self._mailbox
        while mailbox:
            run = mailbox.popleft()
            if run._is_finished:
                self._active.discard(run)
                self._stuck.discard(run)
            run._wake()

    def _sweep(self) -> None:
        """Look after time limits, for all runs at once."""
        now = time.monotonic()
        for run in list(self._active):
            self._check(run, now)
        for run in self._stuck:
            self._interrupt(run)
        self._sweeper = None
        if self._active or self._stuck:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _check(self, run: ThreadRun, now: float) -> None:
        limit = run._invocation.script.mount.timeout
        if run._closed is None:
            if now - (run._started or run._queued) > limit:
                run._fail(HTTPError(HTTPStatus.GATEWAY_TIMEOUT, f"over {limit:g} s"))
                self._interrupt(run)
        elif run._error is not None or now - run._closed > _GRACE_SECONDS:
            self._interrupt(run)
        if run._interrupted is not None and now - run._interrupted > _STUCK_SECONDS:
            self._abandon(run)

    def _interrupt(self, run: ThreadRun) -> None:
        with self._guard:
            if run._is_interruptible:
                run._interrupted = run._interrupted or time.monotonic()
                _raise_in_thread(run._thread_id, RunInterrupted)

    def _abandon(self, run: ThreadRun) -> None:
        with self._guard:
            run._is_abandoned = run._is_interruptible
        if run._is_abandoned:
            _log.error("a thread is stuck in %s", run._invocation.script.path)
            self._active.discard(run)
            self._stuck.add(run)
            self._add_thread()

    # From here on: called by the threads.

    def _post(self, run: ThreadRun) -> None:
        """Let the loop look at a run; one wake-up serves many."""
        self._mailbox.append(run)
        if not self._is_drain_due:
            self._is_drain_due = True
            self._loop.call_soon_threadsafe(self._drain)

    def _work(self) -> None:
        if self._has_directories:
            working_directory.own_working_directory()
        while True:
            run = self._queue.get()
            if run is None:
                return
            try:
                self._perform(run)
            except RunInterrupted:
                pass  # it came when the script had ended already
            except BaseException:
                _log.exception("a run failed outside of its script")
            self._conclude(run)
            if run._is_abandoned:
                return
            del run

    def _perform(self, run: ThreadRun) -> None:
        if run._is_closed:
            return
        invocation = run._invocation
        script = invocation.script
        directory = os.path.dirname(script.path)
        os.chdir(directory)
        os.umask(self._umask)
        run._context = process = RunContext(
            script.path,
            directory,
            environment=invocation.environment,
            write=run._write,
            write_error=run._write_error,
            arguments=invocation.arguments,
            stdin=invocation.stdin,
        )
        run._thread_id = threading.get_ident()
        run._started = time.monotonic()
        run._is_interruptible = True
        execute(process, self._cache, script.stat)

    def _conclude(self, run: ThreadRun) -> None:
        with self._guard:
            run._is_interruptible = False
        if run._interrupted is not None:
            _raise_in_thread(run._thread_id, None)
        if run._context is not None:
            run._failure = run._context.failure
            run._context = None
        if run._invocation.stdin is not None:
            run._invocation.stdin.close()
        run._is_finished = True
        self._post(run)


def _raise_in_thread(thread_id: int, exception: type[BaseException] | None) -> None:
    """Raise an exception in a thread at its next bytecode; None takes it back."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread_id),
        None if exception is None else ctypes.py_object(exception),
    )
