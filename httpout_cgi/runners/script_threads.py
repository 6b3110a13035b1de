"""The threads that run scripts, one run after the other.

What is here is called by these threads.  Must not know time limits.
"""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable

from httpout_cgi.interpreter import clocks, lifetime, persistent, working_directory
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute, resume
from httpout_cgi.interpreter.run_context import RunAborted, RunContext, RunInterrupted
from httpout_cgi.interpreter.thread_exceptions import absorb
from httpout_cgi.runners.pages import Pages, ask
from httpout_cgi.runners.thread_run import ThreadRun
from httpout_cgi.runners.work_queue import WorkQueue

_log = logging.getLogger(__name__)


class ScriptThreads:
    """Starts threads that take runs from the queue, until they take None.

    ``on_idle`` is told, on the loop, of a page that has no coroutines any more.

    ``post`` is told of each run that is over, ``retire`` of a thread that ends though
    nobody asked for it.  Whoever holds ``guard`` may read and change a run's context.
    """

    def __init__(
        self,
        queue: WorkQueue[ThreadRun | None],
        code_cache: CodeCache,
        guard: threading.Lock,
        pages: Pages,
        on_idle: Callable[[ThreadRun], None],
        post: Callable[[ThreadRun], None],
        retire: Callable[[threading.Thread], None],
    ) -> None:
        self._queue = queue
        self._cache = code_cache
        self._guard = guard
        self._pages = pages
        self._on_idle = on_idle
        self._post = post
        self._retire = retire
        self.has_directories = working_directory.is_available()
        self._umask = os.umask(0o022)
        os.umask(self._umask)

    def start_one(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="script", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        # The threads that a script starts inherit this; ours stays a daemon, for
        # that is decided when it starts.
        threading.current_thread()._daemonic = False  # type: ignore[attr-defined]
        tracer, profiler = sys.gettrace(), sys.getprofile()
        try:
            self._take_directory()
            while self._serve_next():
                if sys.gettrace() is not tracer:
                    sys.settrace(tracer)
                if sys.getprofile() is not profiler:
                    sys.setprofile(profiler)
        except BaseException:
            _log.exception("a thread for scripts has died; another takes its place")
            self._retire(threading.current_thread())

    def _take_directory(self) -> None:
        if self.has_directories:
            working_directory.own_working_directory()

    def _serve_next(self) -> bool:
        """Do one run; tell whether this thread can do another."""
        run = self._queue.take()
        if run is None:
            return False
        try:
            self._serve(run)
        except (RunInterrupted, RunAborted):
            self._conclude(run)  # it was late, and struck at the end of the run
        if run.is_abandoned:
            return False
        if run.leftover is not None:
            # Its threads keep the working directory, this one takes another.
            self._take_directory()
        return True

    def _serve(self, run: ThreadRun) -> None:
        try:
            if run.left is not None:
                self._resume(run)
            elif run.closed is None:
                self._perform(run)
        except (RunInterrupted, RunAborted):
            pass  # while the run was ending anyway
        except BaseException:
            _log.exception("a run failed outside of its script")
            run.failure = traceback.format_exc()
        self._conclude(run)

    def _resume(self, run: ThreadRun) -> None:
        """Do the end of a page whose coroutines are over."""
        process, run.left = run.left, None
        assert process is not None
        working_directory.change_to(run.invocation.script.mount.folder)
        os.umask(self._umask)
        run.thread = threading.current_thread()
        run.started = time.monotonic()
        run.context = process
        resume(process)

    def _perform(self, run: ThreadRun) -> None:
        invocation = run.invocation
        script = invocation.script
        # As dirname() of an absolute path.
        directory = script.path.rpartition("/")[0] or "/"
        is_page = script.mount.output == "page"
        permit = invocation.permit
        if permit is not None:
            directory = script.mount.folder  # what it imports is not beside a file
        working_directory.change_to(script.mount.folder if is_page else directory)
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
            is_page=is_page,
        )
        if is_page:
            self._pages.begin(process, run, self._on_idle)
        elif script.mount.local_modules == "persistent":
            persistent.prepare(process, self._cache.load_module)
        clocks.begin()
        run.thread = threading.current_thread()
        run.started = time.monotonic()
        run.context = process
        if permit is None:
            execute(process, self._cache, script.stat)
        else:
            ask(process, self._cache, permit)

    def _conclude(self, run: ThreadRun) -> None:
        """Note how a run ended; harmless if it has been done."""
        if run.is_finished:
            return
        process = None
        try:
            with self._guard:
                process, run.context = run.context, None
        except (RunInterrupted, RunAborted):
            pass
        absorb()
        if process is not None and process.page is not None and process.page.has_left:
            run.leave(process)
            self._post(run)
            return
        if process is not None:
            # They know each other: garbage that only the collector would find.
            process.page = None
            run.failure = process.failure
            if lifetime.has_threads(process):
                run.leftover = process
            if process.exit_code and process.failure is None:
                run.log(logging.INFO, _describe(process.exit_code))
        if run.invocation.stdin is not None:
            run.invocation.stdin.close()
        run.is_finished = True
        # So that the loop, which may start another run right away, wakes nobody else.
        self._queue.announce()
        self._post(run)


def _describe(exit_code: int) -> str:
    if exit_code < 0:
        return f"killed by signal {-exit_code}"
    return f"exit code {exit_code}"
