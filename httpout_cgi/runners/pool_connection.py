"""The connection of a run to its pool: asked for until it is there, then read.

What the pool has not taken of the request is sent meanwhile.  Must not know what is
read, nor when there is too much of it.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Protocol

from httpout_cgi.errors import HTTPError
from httpout_cgi.runners.base import unavailable
from httpout_cgi.runners.pool_request import PoolRequest
from httpout_cgi.runners.pool_status import explain_refusal
from httpout_cgi.scripts import Owner

_READ_SIZE = 65_536
# Between two attempts to get into a backlog that is full.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25
# What it says when an account's pool has left meanwhile, and its socket with it.
_GONE = (errno.ENOENT, errno.ECONNREFUSED)
# What the kernel says when it holds too much that nobody has accepted.
_FULL = (errno.EAGAIN, errno.ETOOMANYREFS)


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


class PoolConnection:
    """A connection, from the first attempt on; whoever makes it closes it.

    ``receive`` is called when there is something to read, ``fail`` if there will be no
    connection.  Only the loop thread touches it.
    """

    is_reading = False
    _is_closed = False
    # The rest of the request, if the connection did not take all of it at once.
    _unsent = b""
    _socket: socket.socket | None = None
    # For the next attempt to connect.
    _timer: asyncio.TimerHandle | None = None
    _has_asked_again = False
    _pause = _FIRST_PAUSE

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        whose: Owner | str | None,
        request: PoolRequest,
        receive: Callable[[], None],
        fail: Callable[[HTTPError], None],
    ) -> None:
        self._loop = loop
        self._whose = whose
        self._request = request
        self._receive = receive
        self._fail = fail

    @property
    def is_made(self) -> bool:
        """Tell whether a pool has been reached."""
        return self._socket is not None

    def ask(self, directory: Directory) -> None:
        """Ask the pool; again, if too many are waiting for it."""
        self._directory = directory
        directory.find(self._whose, self._send_to)

    def _send_to(self, address: str, refusal: str) -> None:
        if self._is_closed:
            return
        if not address:
            self._fail(explain_refusal(refusal))
            return
        try:
            self._socket, self._unsent = self._request.send(address)
        except OSError as exc:
            self._try_again(exc)
            return
        self._request.close()
        if self._unsent:
            self._loop.add_writer(self._socket.fileno(), self._send_rest)
        self.resume()

    def _try_again(self, error: OSError) -> None:
        if error.errno in _FULL:
            self._timer = self._loop.call_later(self._pause, self.ask, self._directory)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        elif self._whose and error.errno in _GONE and not self._has_asked_again:
            self._has_asked_again = True
            self._directory.forget(self._whose)
            self.ask(self._directory)
        else:
            self._fail(unavailable(f"the pool cannot be reached: {error.strerror}"))

    def _send_rest(self) -> None:
        assert self._socket is not None
        try:
            size = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            # The pool has closed it, which the reader will see.
            size = len(self._unsent)
        self._unsent = self._unsent[size:]
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())

    def _forget_rest(self) -> None:
        if self._unsent and self._socket is not None:
            self._loop.remove_writer(self._socket.fileno())
            self._unsent = b""

    def resume(self) -> None:
        """Read, again or for the first time."""
        if not self.is_reading and self._socket is not None:
            self.is_reading = True
            self._loop.add_reader(self._socket.fileno(), self._receive)

    def pause(self) -> None:
        """Read no more, so that the run has to wait."""
        if self.is_reading and self._socket is not None:
            self.is_reading = False
            self._loop.remove_reader(self._socket.fileno())

    def receive(self) -> bytes | None:
        """Return what can be read, None if that is nothing, ``b""`` at the end."""
        assert self._socket is not None
        try:
            return self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return None
        except OSError:
            return b""  # reset: the pool died before it had read the request

    def close(self) -> None:
        """Let the pool see that its reader has left; ask no more."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self.pause()
            self._forget_rest()
            self._socket.close()
        # Who made it is behind them: garbage that only the collector would find.
        del self._receive, self._fail
