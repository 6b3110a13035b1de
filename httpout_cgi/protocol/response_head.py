"""The head of a response and the framing of its body (RFC 9112 sections 4 to 6).

Pure.  The last door before the wire: no field leaves with a line end inside, whoever
made it (response splitting, CWE-113).
"""

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from httpout_cgi.messages import Fields, FilePart, FileParts, Response

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
# Responses that never have content (RFC 9110 sections 15.2, 15.3.5, 15.4.5).
_WITHOUT_CONTENT = frozenset((*range(100, 200), 204, 304))


@dataclass(frozen=True, slots=True)
class Framing:
    """How the client knows where a response ends.

    ``head_only``: the body is not sent.  ``chunked``: its length is not known.
    ``close``: the connection is closed behind it.  ``says_keep_alive``:
    the client of HTTP/1.0 is told that the connection is kept.
    """

    head_only: bool
    chunked: bool
    close: bool
    says_keep_alive: bool


# There are no more than sixteen, and one of them is needed for every response.
_make_framing = lru_cache(maxsize=16)(Framing)
# Of a response behind which the connection is closed.
LAST = Framing(head_only=False, chunked=False, close=True, says_keep_alive=False)


def frame(method: str, version: str, response: Response, *, close: bool) -> Framing:
    """Decide the framing of ``response`` for a request of that method and version."""
    if response.raw:
        # Unmodified, for HEAD, too (RFC 3875 section 5); its end is the connection's.
        return LAST
    head_only = method == "HEAD" or response.status in _WITHOUT_CONTENT
    streamed = not isinstance(response.body, (bytes, FilePart, FileParts))
    chunked = streamed and version == "HTTP/1.1"
    # Without a length and without chunks, only the end of the connection tells.
    ends_by_close = streamed and not chunked and not head_only
    close = close or response.close or ends_by_close
    says_keep_alive = not close and version == "HTTP/1.0"
    # Not by keyword: that takes the cache twice the time.
    return _make_framing(head_only, chunked, close, says_keep_alive)


# Longer ones come from few scripts, and a script could fill all memory with them: the
# fields of one may take a megabyte (CWE-770).
_CACHED_LENGTH = 1024
_MOST_CACHED = 256
_cached_lines: dict[tuple[int, str, Fields], tuple[str, str]] = {}


def render_head(
    response: Response, framing: Framing, length: int | None, added: str
) -> bytes:
    """Render a status line and header section, with the empty line behind it.

    ``length`` counts the bytes of the body, None if it is not known; ``added`` are
    whole field lines of the server's own.  Raises ValueError if a field or the reason
    holds a line end or NUL, or cannot be ISO-8859-1.
    """
    status, fields = response.status, response.fields
    # Those of scripts are tuples, and mostly the same again.
    render = _recall_lines if isinstance(fields, tuple) else _render_lines
    line, lines = render(status, response.reason, fields)
    own = added + _frame_lines(status, framing, length)
    return f"{line}{own}{lines}\r\n".encode("latin-1")


def _render_lines(status: int, reason: str, fields: Fields) -> tuple[str, str]:
    """Return the status line, and the lines of the fields."""
    line = f"HTTP/1.1 {status} {reason or _PHRASES.get(status, '')}\r\n"
    lines = "".join([f"{name}: {value}\r\n" for name, value in fields])
    head, expected = line + lines, len(fields) + 1
    if head.count("\n") != expected or head.count("\r") != expected or "\0" in head:
        raise ValueError("line end or NUL in a field of the response")
    return line, lines


def _recall_lines(status: int, reason: str, fields: Fields) -> tuple[str, str]:
    """Return the same, without the work if they were rendered before."""
    key = status, reason, fields
    known = _cached_lines.get(key)
    if known is None:
        known = line, lines = _render_lines(status, reason, fields)
        if len(line) + len(lines) <= _CACHED_LENGTH:
            if len(_cached_lines) >= _MOST_CACHED:
                _cached_lines.clear()
            _cached_lines[key] = known
    return known


def _frame_lines(status: int, framing: Framing, length: int | None) -> str:
    lines = ""
    if status not in _WITHOUT_CONTENT:
        # The length of an answer to HEAD may be left out where it is not known; a 0
        # would say that GET has no content.
        if length or (length is not None and not framing.head_only):
            lines = f"Content-Length: {length}\r\n"
        elif framing.chunked:
            lines = "Transfer-Encoding: chunked\r\n"
    if framing.close:
        lines += "Connection: close\r\n"
    elif framing.says_keep_alive:
        lines += "Connection: keep-alive\r\n"
    return lines
