"""What a connection has received: bytes in, requests with their content out.

Knows the framing of HTTP/1.1 (RFC 9112), but no transport and no clock.
"""

import errno
from http import HTTPStatus

from httpout_cgi.config import Limits
from httpout_cgi.errors import HTTPError
from httpout_cgi.processes.spool import Spool
from httpout_cgi.protocol.chunked import ChunkedDecoder
from httpout_cgi.protocol.request_head import HeadParser, RequestHead

# Of a line that is no request line, the log has no more than this.
_LOGGED = 1024


class Reception:
    """Collects one request after the other; what comes too early waits in ``waiting``.

    ``head`` is the request whose content is being collected, else None.
    """

    def __init__(self) -> None:
        self.head: RequestHead | None = None
        self.spool: Spool | None = None
        self.waiting = b""
        self._parser = HeadParser()
        self._remaining = 0
        self._decoder: ChunkedDecoder | None = None

    def feed(self, data: bytes) -> None:
        """Take what the client sent; ``advance`` looks at it."""
        self.waiting = self.waiting + data if self.waiting else data

    def advance(self, limits: Limits) -> RequestHead | None:
        """Return the next request once its content is complete.

        Its content, if it has any, is in ``spool``, which is then the caller's.
        Raises HTTPError if what came cannot be a request, or is over a limit.
        """
        if self.head is None:
            head = self._take_head(limits.request_head)
            if head is None or (head.content_length is None and not head.chunked):
                return head
            self._expect_content(head, limits)
        return self._take_content(limits.request_body)

    def reset(self) -> None:
        """Be ready for the next request; the spool was handed over or closed."""
        self.head = self.spool = self._decoder = None

    def close(self) -> None:
        """Drop what was collected."""
        if self.spool is not None:
            self.spool.close()
        self.waiting = b""
        # What it keeps of the last request: a WebSocket has no next one.
        self._parser = HeadParser()
        self.reset()

    def is_continue_due(self) -> bool:
        """Tell whether the client waits for a 100 before it sends the content."""
        head, spool = self.head, self.spool
        return (
            head is not None
            and spool is not None
            and head.expects_continue
            and spool.size == 0
        )

    @property
    def first_line(self) -> str:
        """Return the first line of what could not be a request, or "", for the log."""
        line = self.waiting[:_LOGGED].partition(b"\r\n")[0]
        return line.decode("latin-1")

    def _take_head(self, limit: int) -> RequestHead | None:
        if self.waiting.startswith(b"\r\n"):
            self._skip_empty_lines()
        end = self.waiting.find(b"\r\n\r\n", 0, limit + 4)
        if end < 0:
            self._check_partial_head(limit)
            return None
        head = self._parser.parse(self.waiting[:end])
        self.waiting = self.waiting[end + 4 :]
        return head

    def _skip_empty_lines(self) -> None:
        # A robust server ignores them before a request (RFC 9112 section 2.2).
        start = 2
        while self.waiting.startswith(b"\r\n", start):
            start += 2
        self.waiting = self.waiting[start:]

    def _check_partial_head(self, limit: int) -> None:
        line_end = self.waiting.find(b"\n")
        if line_end >= 0 and self.waiting[line_end - 1 : line_end] != b"\r":
            # RFC 9112 section 2.2 lets us, and smuggling makes us, insist on CRLF.
            raise HTTPError(HTTPStatus.BAD_REQUEST, "a line that ends without CR")
        if len(self.waiting) > limit:
            if line_end < 0 or line_end > limit:
                raise HTTPError(HTTPStatus.REQUEST_URI_TOO_LONG, f"over {limit} bytes")
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise HTTPError(status, f"over {limit} bytes")

    def _expect_content(self, head: RequestHead, limits: Limits) -> None:
        self.head = head
        length = head.content_length or 0
        if length > limits.request_body:
            raise _too_large(limits.request_body)
        self.spool = Spool(limits.body_in_memory)
        if head.chunked:
            self._decoder = ChunkedDecoder()
        self._remaining = length

    def _take_content(self, limit: int) -> RequestHead | None:
        spool = self.spool
        assert spool is not None
        if self._decoder is not None:
            return self._take_chunks(self._decoder, spool, limit)
        piece = self.waiting[: self._remaining]
        self.waiting = self.waiting[len(piece) :]
        self._remaining -= len(piece)
        _store(spool, piece)
        return None if self._remaining else self.head

    def _take_chunks(
        self, decoder: ChunkedDecoder, spool: Spool, limit: int
    ) -> RequestHead | None:
        content = decoder.feed(self.waiting)
        self.waiting = decoder.rest
        if spool.size + len(content) > limit:
            raise _too_large(limit)
        _store(spool, content)
        return self.head if decoder.ended else None


def _store(spool: Spool, data: bytes) -> None:
    try:
        spool.write(data)
    except OSError as exc:
        raise _cannot_spool(exc) from exc


def _cannot_spool(error: OSError) -> HTTPError:
    reason = f"cannot spool the content: {error}"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        # Others give their descriptors back.
        fields = [("Retry-After", "1")]
        return HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, reason, fields=fields)
    return HTTPError(HTTPStatus.INSUFFICIENT_STORAGE, reason)


def _too_large(limit: int) -> HTTPError:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HTTPError(status, f"content over {limit} bytes")
