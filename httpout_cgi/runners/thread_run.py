"""One run in a thread: what the script writes goes to the loop, paced by its reader.

The thread side and the loop side meet here.  Each field has one writer: the thread,
the loop, or whoever holds the runner's guard.
"""

import asyncio
import errno
import logging
import os
import threading
import time
from collections.abc import Callable

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter.run_context import RunContext
from httpout_cgi.interpreter.thread_exceptions import (
    due_outside,
    in_our_code,
    raise_due,
    undisturbed,
)
from httpout_cgi.runners.run_pipes import RunPipes
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.runners.unread_output import UnreadOutput
from httpout_cgi.scripts import Invocation

# How long a page is young, in seconds.
YOUNG = 0.003


class ThreadRun:
    """A run; see runners/base.py for what a gateway does with it."""

    # Written by the thread.  Class attributes, for most runs change few of them.
    failure: str | None = None
    is_finished = False
    # The script has closed its output, or directed it elsewhere, and goes on.
    has_left_output = False
    # What is over but has threads that go on.
    leftover: RunContext | None = None
    # A page whose script is over, and whose coroutines go on: it has no thread.
    left: RunContext | None = None
    started: float | None = None
    # There is output that the loop will look for.
    _is_due = False
    thread: threading.Thread | None = None
    # Made at first use.
    _pipes: RunPipes | None = None

    # Written by the loop.
    error: HTTPError | None = None
    closed: float | None = None
    interrupted: float | None = None
    next_interrupt = 0.0
    # The runner has seen that a page is left; it is to be resumed, once.
    has_left = False
    # Of a page, whose door it is: who is told, on the loop, that no coroutine is left.
    report_idle: Callable[["ThreadRun"], None]
    tell_head = None
    # While it is young, the loop looks at it without being woken.
    is_page = False
    _waiter: asyncio.Future[None] | None = None

    # Written under the runner's guard.  The context is there while the thread may be
    # interrupted; an abandoned run's thread has been replaced.
    context: RunContext | None = None
    is_abandoned = False

    def __init__(
        self,
        invocation: Invocation,
        loop: asyncio.AbstractEventLoop,
        post: Callable[["ThreadRun"], None],
    ) -> None:
        self.invocation = invocation
        self.loop = loop
        self.queued = time.monotonic()
        self._post = post
        self._output = UnreadOutput()

    @property
    def ended(self) -> bool:
        """Tell whether all output has been read and no more will come."""
        return self._is_over() and not self._output.chunks

    async def read(self) -> bytes:
        """Wait for output and return all there is; ``b""`` is the end.

        Raises HTTPError 504 for a run over its time limit.
        """
        while True:
            if self.error is not None:
                raise self.error
            # In this order: the thread appends before it says that it is finished.
            is_over = self._is_over() or self.closed is not None
            if self._output.chunks:
                return self._take()
            if is_over:
                return b""
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def close(self) -> None:
        """End the run, if it has not ended; its output is dropped.

        A script that has closed its output itself goes on: it has lost no reader.
        """
        if not (self.has_left_output and self.ended):
            self._leave()

    # For the runner, on the loop.

    def wake(self) -> None:
        """Wake the reader."""
        self._is_due = False
        if self._pipes is not None:
            self._look_after(self._pipes)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def wake_if_due(self) -> None:
        """Wake the reader if there is output that nobody was told of."""
        if self._is_due:
            self.wake()

    def fail(self, error: HTTPError) -> None:
        """Let the reader have an error in the place of what is to come."""
        self.error = error
        self._leave()

    def _leave(self) -> None:
        if self.closed is None:
            self.closed = time.monotonic()
        self._output.close()
        self.wake()

    def _is_over(self) -> bool:
        """Tell whether there is nobody left who could write."""
        if not (self.is_finished or self.has_left_output):
            return False
        return self._pipes is None or not self._pipes.has_output

    def _look_after(self, pipes: RunPipes) -> None:
        pipes.read_errors(self.loop)
        if not pipes.has_output:
            return
        if self.closed is not None:
            self._tell_gone()
            pipes.close_output()
            return
        pipes.read_output(self.loop)
        if self.is_finished:
            pipes.finish(self.loop, self.started or self.queued)

    def _receive(self, data: bytes) -> bool:
        """Take what came through a pipe; tell whether too much is unread."""
        has_too_much = bool(data) and self._output.add_piped(data)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        return has_too_much

    def _take(self) -> bytes:
        data = self._output.take()
        if self._pipes is not None:
            self._pipes.resume()
        return data

    def leave(self, context: RunContext) -> None:
        """Note that its thread is free, while its coroutines go on."""
        self.thread = None
        self.left = context

    # For the coroutines of a page, on the loop; see interpreter/page_host.py.

    def on_idle(self) -> None:
        """Take note that no coroutine is left."""
        self.report_idle(self)

    async def wait_for_room(self) -> None:
        """Wait while too much is unread; BrokenPipeError when nobody will read it."""
        if self._output.has_too_much():
            await self._output.wait_on_loop()
        if self.closed is not None:
            self._refuse()

    # For the script, in its threads.

    def write(self, data: bytes) -> None:
        """Take output; wait while too much is unread.

        Raises BrokenPipeError when nobody will read it.
        """
        # As undisturbed(), in half the time: scripts call it for each flush.
        thread = threading.get_ident()
        is_inner = thread in in_our_code
        try:
            in_our_code.add(thread)
            if self.closed is not None:
                self._refuse()
            if self._output.add(data):
                self._wait_for_room()
            elif not self._is_due:
                self._tell()
        finally:
            if not is_inner:
                in_our_code.discard(thread)
                if due_outside:
                    raise_due(thread)

    def _tell(self) -> None:
        """Let the loop know of output: soon, of a page that has just begun.

        To wake it would slow down the many pages that end at once.
        """
        context = self.context
        if context is not None and context.is_ending:
            return  # its end will wake the loop
        started = self.started
        if self.is_page and started and time.monotonic() - started <= YOUNG:
            self._is_due = True
        else:
            self._post(self)

    def open_pipe(self, number: int) -> int:
        """Return the write end of a new pipe for standard output (1) or error (2).

        The loop reads it until nobody has its write end any more.
        """
        made = RunPipes(self.invocation, self._receive, self.fail)
        # Another thread may open the other one at the same time.
        pipes: RunPipes = self.__dict__.setdefault("_pipes", made)
        write_end = pipes.open(number)
        self._post(self)
        return write_end

    def leave_output(self) -> None:
        """Take note that the script itself has closed its output, and goes on."""
        self.has_left_output = True
        self._post(self)

    def write_error(self, line: bytes) -> None:
        """Log a line of standard error."""
        with undisturbed():
            self.log(logging.ERROR, line.decode("utf-8", "backslashreplace"))

    def log(self, level: int, text: str) -> None:
        """Log a line about the run."""
        log_script(self.invocation, level, text)

    def _tell_gone(self) -> None:
        """Let the script know that its reader has left, or what of it goes on."""
        context = self.context or self.left
        if context is not None:
            context.is_reader_gone = True

    def _refuse(self) -> None:
        self._tell_gone()
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def _wait_for_room(self) -> None:
        if self.is_page and asyncio._get_running_loop() is self.loop:
            # Coroutines may print, but not wait for their own reader.
            self._post(self)
            return
        self._post(self)
        self._output.wait()
        if self.closed is not None:
            self._refuse()
