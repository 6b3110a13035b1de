"""What a script wrote to its standard output, taken apart (RFC 3875 section 6).

Finds the header section in whatever pieces the output comes; what it means is told by
cgi_response.py.

Pure: must not know files, runners or requests.
"""

import re
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.cgi_fields import (
    SPAM,
    FieldTuple,
    read_header_section,
    refuse,
    refuse_line,
)
from httpout_cgi.protocol.cgi_response import Document, Interim, Result, interpret
from httpout_cgi.scripts import OutputMode

_PAGE = Document(fields=(("Content-Type", "text/html; charset=utf-8"),))
_SPAM = SPAM.encode()
# A header section of nothing but mistakes must not flood the log.
_MOST_WARNINGS = 16

_find_blank_line = re.compile(rb"\n\r?\n").search
_find_no_token = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]").search
_match_status_line = re.compile(
    rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r?\n)?"
).fullmatch


def parse_status_line(line: bytes) -> int:
    """Return the status of the first line that an NPH script wrote.

    Raises HTTPError 500 if it is no status line (RFC 3875 section 5).
    """
    match = _match_status_line(line)
    if match is None:
        raise refuse_line(line.decode("latin-1"))
    return int(match[1])


class CgiOutputParser:
    """Finds the header section in a script's output, whatever pieces it comes in.

    ``feed`` it until it returns a result: ``rest`` is then what came behind the header
    section, and what comes later is content too.  ``interim`` are 1xx responses to be
    sent at once, if the client knows them, and ``warnings`` lines for the log; the
    caller empties both as it likes.

    ``limit`` is for all header sections together.  What comes out does not depend on
    how the output was cut into pieces, and takes time linear in its length.
    """

    def __init__(self, mode: OutputMode, limit: int) -> None:
        self.rest = b""
        self.interim: list[tuple[int, FieldTuple]] = []
        self.warnings: list[str] = []
        self._mode = mode
        self._limit = limit
        self._buffer: bytes | bytearray = b""
        self._start = 0
        self._scanned = 0
        self._done = False
        self._is_first_line_known = False

    def feed(self, data: bytes) -> Result | None:
        """Take output; return the result as soon as the header section is complete.

        Not to be called again after that.  Raises HTTPError: 500 if the output is
        malformed, 502 if the header section is longer than the limit.
        """
        if not self._buffer:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                # Appending to bytes would copy all of it for each piece.
                self._buffer = bytearray(self._buffer)
            self._buffer += data
        if self._mode == "auto":
            self._choose_mode()
        if self._mode == "cgi":
            return self._parse_sections()
        return self._begin_page() if self._mode == "page" and self._buffer else None

    def finish(self) -> Result | None:
        """Tell that the output has ended; return the result if it was not known yet.

        Raises HTTPError 500 if there was no complete header section.
        """
        if self._done:
            return None
        if self._mode == "page" or (self._mode == "auto" and self._buffer):
            return self._begin_page()
        if not self._buffer:
            raise refuse("end of script output before headers")
        unfinished = bytes(self._buffer[self._start :])
        if unfinished:
            read_header_section(unfinished.removesuffix(b"\n") + b"\n")
        raise refuse("premature end of script headers")

    def _begin_page(self) -> Document:
        self._done = True
        self.rest = bytes(self._buffer)
        self._buffer = b""
        return _PAGE

    def _choose_mode(self) -> None:
        """Decide by the first line, as soon as that is certain."""
        buffer = self._buffer
        if buffer.startswith((_SPAM + b"\n", _SPAM + b"\r\n")):
            self._mode = "cgi"
            return
        if (_SPAM + b"\r").startswith(buffer):
            return
        # The bound makes a line without an end a page, not a header section.
        limit = min(len(buffer), self._limit)
        found = _find_no_token(buffer, self._scanned, limit)
        if found is None and len(buffer) <= self._limit:
            self._scanned = len(buffer)
            return
        is_field = found is not None and found[0] == b":" and found.start() > 0
        self._mode = "cgi" if is_field else "page"

    def _parse_sections(self) -> Result | None:
        """Parse interim header sections, and the final one."""
        while True:
            end, behind = self._find_section_end()
            if end < 0:
                return None
            section = bytes(self._buffer[self._start : end])
            result, warnings = interpret(section)
            if warnings:
                self.warnings += warnings[: _MOST_WARNINGS - len(self.warnings)]
            if isinstance(result, Interim):
                self._start = self._scanned = behind
                self._take_interim(result)
                continue
            self._done = True
            self.rest = bytes(self._buffer[behind:])
            self._buffer = b""
            return result

    def _take_interim(self, interim: Interim) -> None:
        """Keep 103 (RFC 8297); 100 and 101 are about the connection, which is ours."""
        if interim.status == HTTPStatus.EARLY_HINTS:
            self.interim.append((interim.status, interim.fields))
        elif len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(f"dropped interim response {interim.status}")

    def _find_section_end(self) -> tuple[int, int]:
        """Return where the fields end and what is behind the blank line begins.

        Lines end with LF or CRLF, mixed as they come; a lone CR ends nothing.
        """
        buffer, start, limit = self._buffer, self._start, self._limit
        if buffer.startswith((b"\n", b"\r\n"), start, limit):
            return start, buffer.index(b"\n", start) + 1
        found = _find_blank_line(buffer, self._scanned, limit)
        if found is not None:
            return found.start() + 1, found.end()
        if len(buffer) > limit:
            self._refuse_length()
        if not self._is_first_line_known:
            self._check_first_line()
        self._scanned = max(start, len(buffer) - 2)
        return -1, -1

    def _check_first_line(self) -> None:
        """Raise 500 as soon as the first line is no field.

        Otherwise the client of a slow script that forgot its header section would wait
        for the end of the script.
        """
        end = self._buffer.find(b"\n", self._scanned) + 1
        if 0 < end < len(self._buffer):
            self._is_first_line_known = True
            # Not if it goes on in the next line.
            if self._buffer[end] not in b" \t":
                read_header_section(bytes(self._buffer[self._start : end]))

    def _refuse_length(self) -> None:
        """Raise 502, or 500 if this is no header section but, say, a page."""
        start, limit = self._start, self._limit
        complete = self._buffer.rfind(b"\n", start, limit) + 1
        if complete > start:
            read_header_section(bytes(self._buffer[start:complete]))
        raise HTTPError(HTTPStatus.BAD_GATEWAY, f"header section above {limit} bytes")
