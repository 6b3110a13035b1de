"""Listeners: the sockets that the supervisor binds and the workers accept from."""

import contextlib
import errno
import os
import socket
import stat
from dataclasses import replace
from typing import Final

from httpout_cgi.config import Listener
from httpout_cgi.errors import StartError

# Linux cuts this to net.core.somaxconn (4096 since 5.4); nginx has 511.
_BACKLOG: Final = 1024


def bind(listener: Listener, members: int | None = None) -> socket.socket:
    """Return a listening socket; StartError says what stands in the way.

    One with a path is open to everybody, or only to ``members``, a group.
    """
    try:
        if listener.path is not None:
            return _bind_path(os.fspath(listener.path), members)
        return _bind_address(listener)
    except OSError as exc:
        # Our words for the address, Python's for the rest: "[Errno 98] Address …".
        reason = _REASONS.get(exc.errno or 0, exc.strerror or str(exc))
        raise StartError(f"cannot listen on {listener.address}: {reason}") from exc


def close(listener: Listener, sock: socket.socket) -> None:
    """Close a listening socket; one with a path is removed from its folder."""
    sock.close()
    if listener.path is not None:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.unlink(listener.path)


def describe(listener: Listener, sock: socket.socket) -> str:
    """Return a URL that a terminal can open, with the port that is really bound."""
    if listener.path is not None:
        return listener.url
    return replace(listener, port=sock.getsockname()[1]).url


_REASONS: Final = {
    errno.EADDRINUSE: "address already in use",
    errno.EADDRNOTAVAIL: "this machine does not have this address",
    errno.EACCES: "permission denied (ports below 1024 need root)",
}


def _bind_address(listener: Listener) -> socket.socket:
    found = socket.getaddrinfo(
        listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    # A name with several addresses: the first, as the system prefers them.
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        # A restart must not wait for connections in TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "[::]" and "0.0.0.0" are two listeners (as in nginx), so no script
            # ever sees an IPv4 peer as "::ffff:192.0.2.1".
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_path(path: str, members: int | None) -> socket.socket:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # 0666: everybody on this machine could connect to a loopback port as well; the
    # folder's mode narrows it.  Set by umask, so that it never was another one.
    umask = os.umask(0o111 if members is None else 0o117)
    try:
        sock.bind(path)
        if members is not None:
            os.chown(path, -1, members)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(umask)
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket of a server that was killed; anything else stays."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "there is a file that is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # Where its backlog is full we would wait for as long as somebody likes.
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # full: in use all the more
    raise OSError(errno.EADDRINUSE, "address already in use")
