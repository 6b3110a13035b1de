"""One run in a pool: its output is read from the connection, paced by its reader."""

import asyncio
import errno
import logging
import os
import re
import signal
import socket
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.ownership import ACCOUNT_REFUSALS, REFUSED, Refusal
from httpout_cgi.runners.base import time_is_over, unavailable
from httpout_cgi.runners.output_pipe import LineReceiver, OutputPipe
from httpout_cgi.runners.page_head_file import make_default_head, read_head
from httpout_cgi.runners.pool_request import PoolRequest
from httpout_cgi.runners.script_log import log_script
from httpout_cgi.runners.thread_run import UNREAD_LIMIT
from httpout_cgi.scripts import Invocation, Owner

_READ_SIZE = 65_536
# What a kept child says first, and the pool does not: it has the run.
_BEGUN = "?"
# How long the beginning waits for the end, without which a page has no length: a little
# more than a process needs to leave, less than anybody sees.
_LINGER_SECONDS = 0.003
# What is kept of standard error, for who looks for the reason of a failure.
_ERROR_SIZE = 8192
# A number, or why there is none.
_STATUS_SIZE = 1024
# Between two attempts to get into a backlog that is full.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25
# What it says when an account's pool has left meanwhile, and its socket with it.
_GONE = (errno.ENOENT, errno.ECONNREFUSED)
# What the kernel says when it holds too much that nobody has accepted.
_FULL = (errno.EAGAIN, errno.ETOOMANYREFS)

_NOT_NOW = ("", Refusal.TOO_MANY_POOLS.value, Refusal.NO_POOL.value)
# The client is told of what is not there.
_SECRETS = [one.value for one in ACCOUNT_REFUSALS] + [Refusal.MISSING.value]

_find_end_of_head = re.compile(rb"\n\r?\n").search


class Directory(Protocol):
    """Knows where the pools are asked."""

    def find(self, whose: Owner | str | None, tell: Callable[[str, str], None]) -> None:
        """Call ``tell`` with the address of a pool, now or later.

        It is that of an account, or the site's under another Python, or, with None, the
        site's own.  Without an address, there is a word that says why: "" if there is
        just no pool.
        """

    def forget(self, whose: Owner | str) -> None:
        """Take note that an address does not work any more."""


class PoolRun:
    """A run; see runners/base.py.  ``forget`` is called once, when it is over.

    Only the loop thread touches it.
    """

    failure: str | None = None
    _error: HTTPError | None = None
    # Nothing more will be read.
    _is_over = False
    _is_reading = False
    _unread = 0
    # The rest of the request, if the connection did not take all of it at once.
    _unsent = b""
    _connection: socket.socket | None = None
    _waiter: asyncio.Future[None] | None = None
    # One after the other: for the next attempt to connect, and for the end of a page.
    _timer: asyncio.TimerHandle | None = None
    _is_begun = False
    _has_asked_again = False
    _pause = _FIRST_PAUSE
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
        self._whose: Owner | str | None = self.owner or invocation.python or None
        self._loop = loop
        self._forget = forget
        self._chunks: deque[bytes] = deque()
        self._error_lines: deque[bytes] = deque()
        self._error_size = 0
        receiver = LineReceiver(self._take_error_line)
        self._error_pipe = OutputPipe(receiver, is_log=True)
        errors = self._error_pipe.write_end
        try:
            self._request = PoolRequest(invocation, errors, umask, debug=debug)
        except BaseException:
            self._error_pipe.close()
            raise
        self._limit = invocation.script.mount.timeout
        self._deadline = loop.call_later(self._limit, self._expire)
        self._error_pipe.start(loop)

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
        """Ask the pool; again, if too many are waiting for it."""
        self._timer = None
        self._directory = directory
        directory.find(self._whose, self._send_to)

    def _send_to(self, address: str, refusal: str) -> None:
        if self._is_over:
            return
        if not address:
            self.fail(_explain_refusal(refusal))
            return
        try:
            self._connection, self._unsent = self._request.send(address)
        except OSError as exc:
            self._try_again(exc)
            return
        self._request.close()
        if self._unsent:
            self._loop.add_writer(self._connection.fileno(), self._send_rest)
        self._resume()

    def _try_again(self, error: OSError) -> None:
        if error.errno in _FULL:
            self._timer = self._loop.call_later(self._pause, self.send, self._directory)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        elif self._whose and error.errno in _GONE and not self._has_asked_again:
            self._has_asked_again = True
            self._directory.forget(self._whose)
            self.send(self._directory)
        else:
            self.fail(unavailable(f"the pool cannot be reached: {error.strerror}"))

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
        if self._connection is not None:
            self._pause_reading()
            self._forget_rest()
            self._connection.close()
        self._request.close()
        os.close(self._request.status)
        if self._request.page_head is not None:
            os.close(self._request.page_head)
        self._forget(self)
        self._wake()

    def _expire(self) -> None:
        limit = self._limit
        if self._connection is None:
            self.fail(unavailable(f"waited {limit:g} s for a process"))
            return
        self._log(logging.ERROR, f"over its time limit of {limit:g} s")
        self.fail(time_is_over(limit))

    def _send_rest(self) -> None:
        assert self._connection is not None
        try:
            size = self._connection.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            # The pool has closed it, which the reader will see.
            size = len(self._unsent)
        self._unsent = self._unsent[size:]
        if not self._unsent:
            self._loop.remove_writer(self._connection.fileno())

    def _forget_rest(self) -> None:
        if self._unsent and self._connection is not None:
            self._loop.remove_writer(self._connection.fileno())
            self._unsent = b""

    def _resume(self) -> None:
        if not self._is_reading and self._connection is not None:
            self._is_reading = True
            self._loop.add_reader(self._connection.fileno(), self._receive)

    def _pause_reading(self) -> None:
        if self._is_reading and self._connection is not None:
            self._is_reading = False
            self._loop.remove_reader(self._connection.fileno())

    def _receive(self) -> None:
        """Take what is there: the end, too, so that short pages have a length."""
        while self._is_reading:
            data = self._receive_once()
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
                self._pause_reading()
        self._begin()

    def _begin(self) -> None:
        """Wake the reader, for the first time a little later."""
        if self._is_begun or not self._is_reading:
            self._wake()
        elif self._timer is None:
            self._timer = self._loop.call_later(_LINGER_SECONDS, self._wake)

    def _receive_once(self) -> bytes | None:
        """Return what can be read, None if that is nothing, ``b""`` at the end."""
        assert self._connection is not None
        try:
            return self._connection.recv(_READ_SIZE)
        except BlockingIOError:
            return None
        except OSError:
            return b""  # reset: the pool died before it had read the request

    def _look_for_head(self, data: bytes) -> None:
        assert self._head is not None
        if self._request.page_head is not None:
            self._begin_page(read_head(self._request.page_head))
            return
        text = self._head + data
        self._head = None if _find_end_of_head(text) else text[-2:]

    def _begin_page(self, head: bytes) -> None:
        """Let its header section be first, which is not in what is read."""
        self._chunks.append(head or make_default_head())
        self._head = None

    def _take(self) -> bytes:
        data = b"".join(self._chunks) if len(self._chunks) > 1 else self._chunks[0]
        self._chunks.clear()
        self._unread = 0
        if not self._is_over:
            self._resume()
        return data

    def _wake(self) -> None:
        self._is_begun = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _conclude(self) -> None:
        """Note how the run has ended; the pool tells it before it closes."""
        told = self._read_status()
        has_begun = told.startswith(_BEGUN)
        told = told.lstrip(_BEGUN)
        status = int(told) if told.strip().isdigit() else None
        self._error_pipe.read_now()
        if told.startswith(REFUSED):
            self._error = _explain_refusal(told.removeprefix(REFUSED))
        elif status is None:
            self._error = self._judge_silence(has_begun=has_begun)
        elif os.WIFSIGNALED(status):
            self._error = self._judge_signal(os.WTERMSIG(status))
        else:
            self._take_exit_code(os.WEXITSTATUS(status))
        if self._head is not None and self._error_lines:
            text = b"\n".join([*self._error_lines, b""])
            self.failure = text.decode("utf-8", "backslashreplace")
        self._leave()

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

    def _judge_silence(self, *, has_begun: bool) -> HTTPError:
        """Return what it means that no pool knows how the run ended."""
        if has_begun:
            self._log(logging.WARNING, "its process has died")
            if self._loop.time() >= self._deadline.when():
                return time_is_over(self._limit)
            return HTTPError(HTTPStatus.BAD_GATEWAY, "its process has died")
        if self._head == b"":
            return unavailable("the pool has closed the connection")
        return HTTPError(HTTPStatus.BAD_GATEWAY, "the pool has died")

    def _judge_signal(self, number: int) -> HTTPError | None:
        """Return the error, if the response must not look complete.

        As under Apache it does, once the header section is there, unless it is we who
        have ended the run.
        """
        text = f"killed by signal {number} ({_name_signal(number)})"
        self._log(logging.WARNING, text)
        if self._loop.time() >= self._deadline.when():
            # The pool's clock has been a little faster than ours.
            return time_is_over(self._limit)
        if self._head is None:
            return None
        return HTTPError(HTTPStatus.BAD_GATEWAY, text)

    def _take_error_line(self, line: bytes) -> None:
        self._log(logging.ERROR, line.decode("utf-8", "backslashreplace"))
        if self._is_over or self._head is None:
            return
        self._error_lines.append(line)
        self._error_size += len(line) + 1
        while self._error_size > _ERROR_SIZE:
            self._error_size -= len(self._error_lines.popleft()) + 1

    def _log(self, level: int, text: str) -> None:
        log_script(self._invocation, level, text)


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "real-time"


def _explain_refusal(text: str) -> HTTPError:
    """Return the answer to what is refused: a word for it, and the path if any."""
    word = text.partition(":")[0]
    if word in _NOT_NOW:
        return unavailable(text or "there is no pool")
    is_secret = word in _SECRETS
    return HTTPError(HTTPStatus.NOT_FOUND if is_secret else HTTPStatus.FORBIDDEN, text)
