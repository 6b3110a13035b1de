"""A relay between a script and mod_proxy_scgi, which wants a status that CGI has not.

Under Apache's own mod_cgi a script that prints nothing but a Location redirects the
client (RFC 3875 section 6.2.3); from SCGI, Apache takes it for a 200.  And what an nph-
script begins with, an HTTP status line, is no header field for it.  Standard library
only.
"""

from __future__ import annotations

import os
import re

_READ_SIZE = 65_536

_find_end = re.compile(rb"\r?\n\r?\n").search
_has_status = re.compile(rb"(?im)^status[ \t]*:").search
# Not of a path: the server in front goes there itself.
_redirects = re.compile(rb"(?im)^location[ \t]*:[ \t]*[a-z][a-z0-9+.-]*:").search
_match_status_line = re.compile(rb"HTTP/[0-9.]+[ \t]+(?=[0-9]{3})").match


def interpose() -> None:
    """Put a process between descriptor 1 and what it was until now.

    It is nobody's child: a script may wait for all of its own.  Raises OSError.
    """
    source, output = os.pipe()
    middle = os.fork()
    if middle == 0:
        code = 1
        try:
            os.close(output)
            if os.fork() == 0:
                # What the script inherits would keep a pipe of its own open.
                os.close(0)
                _relay(source)
            code = 0
        finally:
            os._exit(code)
    os.close(source)
    os.dup2(output, 1)
    os.close(output)
    os.waitpid(middle, 0)


def _relay(source: int) -> None:
    head = b""
    while not _find_end(head) and len(head) < _READ_SIZE:
        data = os.read(source, _READ_SIZE)
        if not data:
            break
        head += data
    data = complete(head)
    while data:
        while data:
            data = data[os.write(1, data) :]
        data = os.read(source, _READ_SIZE)


def complete(output: bytes) -> bytes:
    """Return the beginning of an output with the status that it means."""
    found = _find_end(output)
    head = output[: found.end()] if found else output
    status_line = _match_status_line(head)
    if status_line:
        return b"Status: " + output[status_line.end() :]
    if _redirects(head) and not _has_status(head):
        return b"Status: 302 Found\r\n" + output
    return output
