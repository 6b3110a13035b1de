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
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter.run_context import RunContext
from httpout_cgi.interpreter.thread_exceptions import (
    due_outside,
    in_our_code,
    raise_due,
    undisturbed,
)
from httpout_cgi.runners.output_pipe import LineReceiver, OutputPipe
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.scripts import Invocation

# One full pipe on Linux: what a script may be ahead of its reader.
UNREAD_LIMIT = 65_536

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
    _written = 0
    # Made at first use.  One that somebody holds open keeps the response open, the
    # other keeps the error log's lines coming.
    _output_pipe: OutputPipe | None = None
    _error_pipe: OutputPipe | None = None

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
    _has_room: asyncio.Event | None = None
    _taken = 0
    _piped = 0
    _deadline: asyncio.TimerHandle | None = None
    _waiter: asyncio.Future[None] | None = None

    # Written under the runner's guard.  The context is there while the thread may be
    # interrupted; an abandoned run's thread has been replaced.
    context: RunContext | None = None
    is_abandoned = False

    _room: threading.Event | None = None

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
        # Not a deque: to make one takes half a microsecond.
        self._chunks: list[bytes] = []

    @property
    def ended(self) -> bool:
        """Tell whether all output has been read and no more will come."""
        return self._is_over() and not self._chunks

    async def read(self) -> bytes:
        """Wait for output and return all there is; ``b""`` is the end.

        Raises HTTPError 504 for a run over its time limit.
        """
        while True:
            if self.error is not None:
                raise self.error
            # In this order: the thread appends before it says that it is finished.
            is_over = self._is_over() or self.closed is not None
            if self._chunks:
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
        """Wake the reader, and the writer if nobody will read."""
        self._is_due = False
        if self._output_pipe is not None or self._error_pipe is not None:
            self._look_after_pipes()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self.closed is not None and self._room is not None:
            self._room.set()

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
        self._chunks.clear()
        if self._has_room is not None:
            self._has_room.set()
        self.wake()

    def _is_over(self) -> bool:
        """Tell whether there is nobody left who could write."""
        if not (self.is_finished or self.has_left_output):
            return False
        return self._output_pipe is None or self._output_pipe.is_closed

    def _look_after_pipes(self) -> None:
        if self._error_pipe is not None:
            self._error_pipe.start(self.loop)
        output = self._output_pipe
        if output is None or output.is_closed:
            return
        if self.closed is not None:
            context = self.context
            if context is not None:
                context.is_reader_gone = True
            self._close_output(output)
            return
        output.start(self.loop)
        if self.is_finished:
            # What is in the pipe now can go out together with what came before.
            output.read_now()
            self._limit_children()

    def _limit_children(self) -> None:
        """Let the time limit end a response that only children hold open."""
        output = self._output_pipe
        if self._deadline is None and output is not None and not output.is_closed:
            limit = self.invocation.script.mount.timeout
            passed = time.monotonic() - (self.started or self.queued)
            later = self.loop.call_later
            self._deadline = later(limit - passed, self._expire, limit)

    def _expire(self, limit: float) -> None:
        self.log(logging.ERROR, f"a child is over the time limit of {limit:g} s")
        reason = f"a child over the time limit of {limit:g} s"
        self.fail(HTTPError(HTTPStatus.GATEWAY_TIMEOUT, reason))

    def _close_output(self, output: OutputPipe) -> None:
        output.close()
        if self._deadline is not None:
            self._deadline.cancel()

    def _receive(self, data: bytes) -> None:
        """Take what came through the pipe; at its end nobody holds it any more."""
        output = self._output_pipe
        assert output is not None
        if data:
            self._chunks.append(data)
            self._piped += len(data)
            if self._unread() > UNREAD_LIMIT:
                output.pause()
        else:
            self._close_output(output)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _unread(self) -> int:
        return self._written + self._piped - self._taken

    def _take(self) -> bytes:
        # Only what is there now: a thread may append at any time.
        taken = self._chunks[:]
        del self._chunks[: len(taken)]
        data = b"".join(taken)
        self._taken += len(data)
        if self._room is not None:
            self._room.set()
        if self._has_room is not None:
            self._has_room.set()
        if self._output_pipe is not None:
            self._output_pipe.resume()
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
        while self._has_too_much():
            if self._has_room is None:
                self._has_room = asyncio.Event()
            self._has_room.clear()
            await self._has_room.wait()
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
            self._chunks.append(data)
            self._written += len(data)
            if self._written + self._piped - self._taken > UNREAD_LIMIT:
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
        if number == 1:
            self._output_pipe = pipe = OutputPipe(self._receive)
        else:
            self._error_pipe = pipe = OutputPipe(
                LineReceiver(self._log_line), is_log=True
            )
        self._post(self)
        return pipe.write_end

    def leave_output(self) -> None:
        """Take note that the script itself has closed its output, and goes on."""
        self.has_left_output = True
        self._post(self)

    def write_error(self, line: bytes) -> None:
        """Log a line of standard error."""
        with undisturbed():
            self._log_line(line)

    def _log_line(self, line: bytes) -> None:
        self.log(logging.ERROR, line.decode("utf-8", "backslashreplace"))

    def log(self, level: int, text: str) -> None:
        """Log a line about the run."""
        log_script(self.invocation, level, text)

    def _refuse(self) -> None:
        context = self.context or self.left
        if context is not None:
            context.is_reader_gone = True
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def _wait_for_room(self) -> None:
        if self.is_page and asyncio._get_running_loop() is self.loop:
            # Coroutines may print, but not wait for their own reader.
            self._post(self)
            return
        room = self._room
        if room is None:
            self._room = room = threading.Event()
        self._post(self)
        while self._has_too_much():
            room.clear()
            # Looking again: the reader may have come by before clear().
            if self._has_too_much():
                room.wait()
        if self.closed is not None:
            self._refuse()

    def _has_too_much(self) -> bool:
        return self.closed is None and self._unread() > UNREAD_LIMIT
