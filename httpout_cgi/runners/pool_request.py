"""What a pool is told of a run: an SCGI head, and descriptors that come with it.

See protocol/scgi.py for the head.  Must not know what becomes of the run.
"""

import io
import json
import os
import socket
import tempfile
from functools import lru_cache
from typing import BinaryIO

from httpout_cgi.protocol.scgi import encode_head
from httpout_cgi.runners.page_head_file import open_head_file
from httpout_cgi.scripts import Invocation

# What a pool reads for itself; no script sees it.  See processes/pool_child.py.
RUN_VARIABLE = "HTTPOUT_CGI_RUN"


class PoolRequest:
    """A request, until it is sent; whoever makes it closes it.

    Closes the invocation's ``stdin``.  ``errors`` is the write end of a pipe for
    standard error, which is the request's from then on.  ``status`` is where the pool
    tells how the run ended, ``page_head`` the file for the header section of a page,
    None for others; the caller closes them.
    """

    page_head: int | None = None

    def __init__(
        self, invocation: Invocation, errors: int, umask: int, *, debug: bool = False
    ) -> None:
        self._descriptors = [errors]
        kept: list[int] = []
        try:
            is_page = invocation.script.is_page
            self._head = _encode(invocation, umask, is_page=is_page, debug=debug)
            # In the order in which a pool expects them.
            self._descriptors.insert(0, _open_source(invocation.stdin))
            self.status, write_end = os.pipe()
            self._descriptors.append(write_end)
            kept.append(self.status)
            if is_page:
                self.page_head = open_head_file()
                kept.append(self.page_head)
                self._descriptors.append(os.dup(self.page_head))
        except BaseException:
            self.close()
            for descriptor in kept:
                os.close(descriptor)
            raise
        finally:
            if invocation.stdin is not None:
                invocation.stdin.close()
        os.set_blocking(self.status, False)

    def send(self, address: str) -> tuple[socket.socket, bytes]:
        """Send it to a pool; return the connection, and what has not been taken yet.

        Never waits.  Raises OSError: BlockingIOError where the backlog is full.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.connect(address)
            size = socket.send_fds(connection, [self._head], self._descriptors)
        except BaseException:
            connection.close()
            raise
        return connection, self._head[size:]

    def close(self) -> None:
        """Close the descriptors; a pool that got them has its own."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()


def _encode(invocation: Invocation, umask: int, *, is_page: bool, debug: bool) -> bytes:
    environment, mount = invocation.environment, invocation.script.mount
    # Clients make up as many search words as they like: none are kept (CWE-770).
    encode = _encode_extras if invocation.arguments else _recall_extras
    extras = encode(
        timeout=mount.timeout,
        arguments=invocation.arguments,
        # SCGI has a length in any case, CGI only if there is content.
        has_content="CONTENT_LENGTH" in environment,
        umask=umask,
        interpreter=invocation.script.interpreter or "",
        by_shebang=bool(invocation.python),
        page=mount.folder if is_page else "",
        debug=debug,
    )
    return encode_head({**environment, RUN_VARIABLE: extras})


def _encode_extras(**extras: object) -> str:
    # What is not said is false, or empty.
    said = [one for one in extras.items() if one[1] is not False and one[1] != ""]
    return json.dumps(dict(said))


# Mostly the same again.
_recall_extras = lru_cache(maxsize=256)(_encode_extras)


def _open_source(stdin: BinaryIO | None) -> int:
    """Return a descriptor of the content, at its start."""
    if stdin is None:
        return os.open(os.devnull, os.O_RDONLY)
    try:
        return os.dup(stdin.fileno())
    except io.UnsupportedOperation:
        return _copy_to_memory(stdin.read())


def _copy_to_memory(content: bytes) -> int:
    descriptor = _open_memory()
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stdin")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
