"""One run in a pool: its output is read from the connection, paced by its reader."""

import asyncio
import logging
import os
import re
from collections import deque
from collections.abc import Callable

from httpout_cgi.errors import HTTPError
from httpout_cgi.runners.base import time_is_over, unavailable
from httpout_cgi.runners.page_head_file import make_default_head, read_head
from httpout_cgi.runners.pool_connection import Directory, PoolConnection
from httpout_cgi.runners.pool_errors import PoolErrors
from httpout_cgi.runners.pool_request import PoolRequest
from httpout_cgi.runners.pool_status import Progress, judge_end, parse_status
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.runners.unread_output import UNREAD_LIMIT
from httpout_cgi.scripts import Invocation, Owner

# How long the beginning waits for the end, without which a page has no length: a little
# more than a process needs to leave, less than anybody sees.
_LINGER_SECONDS = 0.003
# A number, or why there is none.
_STATUS_SIZE = 1024

_find_end_of_head = re.compile(rb"\n\r?\n").search


class PoolRun:
    """A run; see runners/base.py.  ``forget`` is called once, when it is over.

    Only the loop thread touches it.
    """

    failure: str | None = None
    _error: HTTPError | None = None
    # Nothing more will be read.
    _is_over = False
    _unread = 0
    _waiter: asyncio.Future[None] | None = None
    # For the end of a page.
    _timer: asyncio.TimerHandle | None = None
    _is_begun = False
    # The end of what was read, until the header section is complete; then None.
    _head: bytes | None = b""

    def __init__(
        self,
        invocation: Invocation,
        loop: asyncio.AbstractEventLoop,
        forget: Callable[["PoolRun"], None],
        umask: int,
        *,
        debug: bool = False,
    ) -> None:
        self._invocation = invocation
        self.owner = invocation.script.mount.owner
        self._loop = loop
        self._forget = forget
        self._chunks: deque[bytes] = deque()
        self._errors = PoolErrors(invocation)
        errors = self._errors.write_end
        try:
            self._request = PoolRequest(invocation, errors, umask, debug=debug)
        except BaseException:
            self._errors.close()
            raise
        whose: Owner | str | None = self.owner or invocation.python or None
        self._connection = PoolConnection(
            loop, whose, self._request, self._receive, self.fail
        )
        self._limit = invocation.script.mount.timeout
        self._deadline = loop.call_later(self._limit, self._expire)
        self._errors.start(loop)

    @property
    def ended(self) -> bool:
        """Tell whether all output has been read and no more will come."""
        return self._is_over and not self._chunks and self._error is None

    async def read(self) -> bytes:
        """Wait for output and return all there is; ``b""`` is the end.

        Raises HTTPError: 503 if no pool takes the run, 504 over its time limit, 502 if
        it was killed before its header section was complete.
        """
        while True:
            if self._chunks:
                return self._take()
            if self._error is not None:
                raise self._error
            if self._is_over:
                return b""
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def close(self) -> None:
        """End the run, if it has not ended: the pool sees that its reader has left."""
        self._chunks.clear()
        self._error = None
        self._leave()

    # For the runner.

    def send(self, directory: Directory) -> None:
        """Ask the pool that the directory knows."""
        self._connection.ask(directory)

    def fail(self, error: HTTPError) -> None:
        """Let the reader have an error in the place of what is to come."""
        self._chunks.clear()
        self._error = error
        self._leave()

    def _leave(self) -> None:
        """Let go of everything but standard error, which others may hold, too."""
        if self._is_over:
            return
        self._is_over = True
        self._deadline.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._connection.close()
        self._errors.keep_no_more()
        self._request.close()
        os.close(self._request.status)
        if self._request.page_head is not None:
            os.close(self._request.page_head)
        self._forget(self)
        self._wake()

    def _expire(self) -> None:
        limit = self._limit
        if not self._connection.is_made:
            self.fail(unavailable(f"waited {limit:g} s for a process"))
            return
        self._log(logging.ERROR, f"over its time limit of {limit:g} s")
        self.fail(time_is_over(limit))

    def _receive(self) -> None:
        """Take what is there: the end, too, so that short pages have a length."""
        connection = self._connection
        while connection.is_reading:
            data = connection.receive()
            if data is None:
                break
            if not data:
                self._conclude()
                return
            if self._head is not None:
                self._look_for_head(data)
            self._chunks.append(data)
            self._unread += len(data)
            if self._unread > UNREAD_LIMIT:
                connection.pause()
        self._begin(goes_on=connection.is_reading)

    def _begin(self, *, goes_on: bool) -> None:
        """Wake the reader, for the first time a little later."""
        if self._is_begun or not goes_on:
            self._wake()
        elif self._timer is None:
            self._timer = self._loop.call_later(_LINGER_SECONDS, self._wake)

    def _look_for_head(self, data: bytes) -> None:
        assert self._head is not None
        if self._request.page_head is not None:
            self._begin_page(read_head(self._request.page_head))
            return
        text = self._head + data
        if _find_end_of_head(text):
            self._end_head()
        else:
            self._head = text[-2:]

    def _begin_page(self, head: bytes) -> None:
        """Let its header section be first, which is not in what is read."""
        self._chunks.append(head or make_default_head())
        self._end_head()

    def _end_head(self) -> None:
        self._head = None
        self._errors.keep_no_more()

    def _take(self) -> bytes:
        data = b"".join(self._chunks) if len(self._chunks) > 1 else self._chunks[0]
        self._chunks.clear()
        self._unread = 0
        if not self._is_over:
            self._connection.resume()
        return data

    def _wake(self) -> None:
        self._is_begun = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _conclude(self) -> None:
        """Note how the run has ended; the pool tells it before it closes."""
        told = self._read_status()
        status = parse_status(told)
        self._errors.read_now()
        if status is None or os.WIFSIGNALED(status):
            self._judge_end(told)
        else:
            self._take_exit_code(os.WEXITSTATUS(status))
        if self._head is not None:
            self.failure = self._errors.describe()
        self._leave()

    def _judge_end(self, told: str) -> None:
        is_late = self._loop.time() >= self._deadline.when()
        has_head = self._head is None
        progress = Progress(self._head == b"", has_head, is_late, self._limit)
        verdict = judge_end(told, progress)
        self._error = verdict.error
        if verdict.line is not None:
            self._log(logging.WARNING, verdict.line)

    def _take_exit_code(self, code: int) -> None:
        if code:
            self._log(logging.INFO, f"exit code {code}")
        if self._request.page_head is not None and self._head is not None:
            head = read_head(self._request.page_head)
            # It has printed nothing; if it failed as well, it is no empty page.
            if head or not code:
                self._begin_page(head)

    def _read_status(self) -> str:
        try:
            return os.fsdecode(os.read(self._request.status, _STATUS_SIZE))
        except BlockingIOError:
            return ""  # closed by the script, and the pool: it has died

    def _log(self, level: int, text: str) -> None:
        log_script(self._invocation, level, text)
