"""A pool: one warm, single-threaded interpreter that forks a child for each run.

It inherits a listening Unix socket, speaks SCGI on it, and runs scripts as whoever it
was started as.  Standard library only: it may be another Python than the server's.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import NamedTuple

from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes import pool_child
from httpout_cgi.protocol import scgi

_READ_SIZE = 65_536
# Between TERM and KILL.
_PATIENCE_SECONDS = 3.0
# A peer that connects and says nothing.
_HEAD_SECONDS = 10.0
_TICK_MS = 250

# Linux tells that the peer has closed even while its content is unread.
_GONE = getattr(select, "POLLRDHUP", 0)
_ENDED = select.POLLHUP | select.POLLERR | select.POLLNVAL

# A worker sends three descriptors with a request: standard input, standard error, and
# a pipe that is told how the child ended.
_DESCRIPTORS = 3

# What most scripts import: loaded once, before any fork.
_COMMON = (
    *("argparse", "base64", "cgi", "cgitb", "collections", "configparser", "copy"),
    *("csv", "datetime", "decimal", "email.message", "email.mime.text", "email.utils"),
    *("fcntl", "functools", "getopt", "glob", "hashlib", "hmac", "html", "http.client"),
    *("http.cookies", "inspect", "io", "itertools", "json", "locale", "logging"),
    *("mimetypes", "pickle", "random", "re", "shelve", "shutil", "smtplib", "socket"),
    *("sqlite3", "ssl", "string", "struct", "subprocess", "tempfile", "textwrap"),
    *("threading", "time", "traceback", "types", "typing", "unicodedata"),
    *("urllib.parse", "urllib.request", "uuid", "warnings", "wsgiref.handlers"),
    *("xml.etree.ElementTree", "xml.dom.minidom", "zipfile", "zlib"),
)


class Settings(NamedTuple):
    """What the supervisor tells a pool; times are in seconds, sizes in bytes."""

    processes: int = 8
    idle: float = 60.0
    timeout: float = 60.0
    preload: tuple[str, ...] = ()
    limits: dict[str, int | None] = {}
    nice: int = 0


class _Peer:
    """A connection: first its head is read, then a child answers on it."""

    def __init__(self, connection: socket.socket, now: float) -> None:
        self.connection = connection
        self.received = b""
        # Those of a worker, if it is one.
        self.descriptors: list[int] = []
        self.pid = 0
        self.deadline = now + _HEAD_SECONDS
        self.signal = signal.SIGTERM

    def close(self) -> None:
        """Let go of the connection and of what came with it."""
        self.connection.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


class Pool:
    """Serves until it has been idle for too long, or is told to leave."""

    def __init__(self, listener: socket.socket, settings: Settings) -> None:
        self._listener = listener
        self._settings = settings
        self._cache = CodeCache()
        self._poll = select.poll()
        self._peers: dict[int, _Peer] = {}
        self._children: dict[int, _Peer] = {}
        self._is_listening = False
        self._is_leaving = False
        self._last_used = time.monotonic()
        self._wakeup, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Serve; returns when all children have ended."""
        self._take_signals()
        self._listener.setblocking(False)
        self._poll.register(self._wakeup, select.POLLIN)
        while not self._is_done():
            self._listen_or_not()
            for number, events in self._poll.poll(_TICK_MS if self._peers else 1000):
                self._handle(number, events)
            self._reap()
            self._look_after_deadlines(time.monotonic())

    def _take_signals(self) -> None:
        for end in (self._wakeup, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)

    def _leave(self, *_: object) -> None:
        self._is_leaving = True

    def _is_done(self) -> bool:
        if self._peers:
            return False
        is_idle = time.monotonic() - self._last_used > self._settings.idle
        return self._is_leaving or is_idle

    def _listen_or_not(self) -> None:
        """Accept no more than there may be children: the rest waits in the backlog."""
        wanted = len(self._peers) < self._settings.processes and not self._is_leaving
        if wanted and not self._is_listening:
            self._poll.register(self._listener, select.POLLIN)
        elif self._is_listening and not wanted:
            self._poll.unregister(self._listener)
        self._is_listening = wanted

    def _handle(self, number: int, events: int) -> None:
        if number == self._listener.fileno():
            self._accept()
        elif number == self._wakeup.fileno():
            self._wakeup.recv(_READ_SIZE)
        elif number in self._peers:
            peer = self._peers[number]
            if peer.pid:
                self._end(peer)  # nobody reads what the child writes
            else:
                self._read_head(peer)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # another pool took it, or the peer has left
        connection.setblocking(False)
        peer = _Peer(connection, time.monotonic())
        self._peers[connection.fileno()] = peer
        self._poll.register(connection, select.POLLIN)
        self._read_head(peer)

    def _read_head(self, peer: _Peer) -> None:
        try:
            data, descriptors = _receive(peer.connection)
            peer.descriptors += descriptors
            peer.received += data
            head = scgi.parse_head(peer.received)
        except BlockingIOError:
            return
        except (OSError, scgi.SCGIError) as exc:
            _complain(f"a request was refused: {exc}")
            self._forget(peer)
            return
        if head is not None:
            self._start(peer, head)
        elif not data:
            self._forget(peer)

    def _start(self, peer: _Peer, head: scgi.Head) -> None:
        run = pool_child.Run.from_head(head, peer.received[head.size :])
        self._load(run.path)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become_child(peer, run)
        # In both processes: whoever comes first.
        _set_group(pid)
        peer.pid = pid
        peer.received = b""
        peer.deadline = time.monotonic() + (run.timeout or self._settings.timeout)
        self._children[pid] = peer
        self._poll.modify(peer.connection, _GONE)

    def _load(self, path: str) -> None:
        """Compile before the fork, so that the next child finds it done."""
        try:
            self._cache.load(path)
        except (OSError, SyntaxError, ValueError):
            return  # the child meets it again, and tells

    def _become_child(self, peer: _Peer, run: pool_child.Run) -> None:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for other in list(self._peers.values()):
                if other is not peer:
                    other.close()
            for sock in (self._listener, self._wakeup, self._waker):
                sock.close()
            connection = peer.connection.detach()
            source, error, *status = peer.descriptors or [-1, 2]
            for descriptor in status:
                os.close(descriptor)
            code = pool_child.perform(
                run, (source, connection, error), self._settings, self._cache
            )
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            peer = self._children.pop(pid, None)
            if peer is not None:
                self._conclude(peer, status)

    def _conclude(self, peer: _Peer, status: int) -> None:
        if len(peer.descriptors) == _DESCRIPTORS:
            try:
                os.write(peer.descriptors[2], b"%d\n" % status)
            except OSError:
                pass  # the worker has gone
        self._forget(peer)
        self._last_used = time.monotonic()

    def _forget(self, peer: _Peer) -> None:
        number = peer.connection.fileno()
        self._poll.unregister(number)
        del self._peers[number]
        peer.close()

    def _look_after_deadlines(self, now: float) -> None:
        for peer in list(self._peers.values()):
            if now < peer.deadline:
                continue
            if peer.pid:
                self._end(peer)
            else:
                self._forget(peer)

    def _end(self, peer: _Peer) -> None:
        """TERM to all of the child's process group, then KILL."""
        try:
            os.killpg(peer.pid, peer.signal)
        except ProcessLookupError:
            pass  # about to be reaped
        # Told once: poll would say so again and again.
        self._poll.modify(peer.connection, 0)
        peer.signal = signal.SIGKILL
        peer.deadline = time.monotonic() + _PATIENCE_SECONDS


def _set_group(pid: int) -> None:
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass  # the child has done it, or has ended


# Any: what recvmsg returns is not in a class.
def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Receive bytes, and the descriptors that came with them."""
    size = socket.CMSG_SPACE(_DESCRIPTORS * 4)
    data, ancillary, _flags, _ = connection.recvmsg(_READ_SIZE, size)
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            count = len(payload) // 4
            for number in memoryview(payload[: count * 4]).cast("i"):
                os.set_inheritable(number, False)
                descriptors.append(number)
    return data, descriptors


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def warm_up(names: tuple[str, ...]) -> None:
    """Import what most scripts need; what cannot be imported is told of."""
    for name in (*_COMMON, *names):
        try:
            importlib.import_module(name)
        except Exception as exc:  # any module may fail in any way
            if name in names:
                _complain(f"preload: {name}: {exc!r}")
    gc.collect()
    gc.freeze()


def main() -> int:
    """Run a pool: its socket is descriptor 0, its settings are ``sys.argv[1]``."""
    settings = Settings(**json.loads(sys.argv[1]))
    sys.argv[:] = [""]
    listener = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    sys.dont_write_bytecode = True
    warm_up(tuple(settings.preload))
    Pool(listener, settings).serve()
    return 0
