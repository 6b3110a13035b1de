"""``request`` of a page: the same names as tremolo's, over the run's meta-variables."""

from __future__ import annotations

import os
from typing import AsyncIterator, Dict, Iterator, List, Optional, Tuple

from httpout_cgi.interpreter import page_forms
from httpout_cgi.interpreter.page_attributes import Attributes
from httpout_cgi.interpreter.page_forms import FormError, FormFile
from httpout_cgi.interpreter.run_context import RunContext

_CHUNK = 65_536
_FORM = "application/x-www-form-urlencoded"
# Fields of a query, of which the limits of a request head allow few anyway.
_MOST_FIELDS = 10_000


class Headers(Dict[bytes, List[bytes]]):
    """Fields by lower-case name, each with its values."""

    def getlist(self, name: bytes) -> List[bytes]:
        """Return the values of a field, split at their commas."""
        values = b",".join(self.get(name, [])).split(b",")
        return [value.strip() for value in values if value.strip()]


class PageRequest:
    """The request that a page answers.  Text of it is bytes, as in tremolo."""

    is_valid = True
    upgraded = False

    def __init__(self, run: RunContext) -> None:
        self.environ = run.environment
        self._run = run
        self._body: Optional[bytes] = None
        self._position = 0
        self.context = self.ctx = Attributes()

    @property
    def method(self) -> bytes:
        return self._variable("REQUEST_METHOD")

    @property
    def url(self) -> bytes:
        return self._variable("REQUEST_URI")

    @property
    def path(self) -> bytes:
        return self.url.partition(b"?")[0]

    @property
    def query_string(self) -> bytes:
        return self._variable("QUERY_STRING")

    @property
    def host(self) -> bytes:
        return self._variable("HTTP_HOST")

    @property
    def scheme(self) -> bytes:
        return self._variable("REQUEST_SCHEME")

    @property
    def is_secure(self) -> bool:
        return self.scheme == b"https"

    @property
    def version(self) -> bytes:
        return self._variable("SERVER_PROTOCOL").partition(b"/")[2]

    @property
    def ip(self) -> bytes:
        return self._variable("REMOTE_ADDR")

    @property
    def client(self) -> Tuple[str, int]:
        environ = self.environ
        return environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0)

    @property
    def content_type(self) -> bytes:
        return self._variable("CONTENT_TYPE") or b"application/octet-stream"

    @property
    def content_length(self) -> int:
        return int(self.environ.get("CONTENT_LENGTH") or -1)

    @property
    def has_body(self) -> bool:
        return "CONTENT_LENGTH" in self.environ

    @property
    def body_size(self) -> int:
        return max(0, self.content_length)

    @property
    def headers(self) -> Headers:
        """Return the fields that became meta-variables."""
        found = Headers()
        for name, value in self.environ.items():
            if name.startswith("HTTP_"):
                name = name[5:]
            elif name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                continue
            found[name.lower().replace("_", "-").encode()] = [os.fsencode(value)]
        return found

    @property
    def query(self) -> Dict[str, List[str]]:
        """Return the values in the query string, by name."""
        text = _decode(self.query_string)
        return page_forms.parse_fields(text, _MOST_FIELDS)

    @property
    def cookies(self) -> Dict[str, List[str]]:
        return page_forms.parse_cookies(_decode(self._variable("HTTP_COOKIE")))

    @property
    def params(self) -> Attributes:
        return Attributes(query=self.query, cookies=self.cookies)

    def uid(self, length: int = 32) -> bytes:
        """Return bytes that nobody has had before."""
        return os.urandom(length)[: length // 2].hex().encode()

    async def body(self) -> bytes:
        """Return the whole content; ``b""`` if there is none."""
        if self._body is None:
            self._body = self._read(0)
        return self._body

    async def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes of the content, or all that is left."""
        piece = self._read(self._position, size)
        self._position += len(piece)
        return piece

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the content, piece by piece; it is never in memory as a whole."""
        for piece in self._list_pieces():
            yield piece

    async def form(
        self, max_fields: int = 100, *, max_size: int = 8_388_608
    ) -> Dict[str, List[str]]:
        """Return the values of a form's fields, by name; its files are files().

        Raises FormError if the content is no form, or is larger than that.
        """
        body, kind = self._read(0, max_size + 1), self.environ.get("CONTENT_TYPE", "")
        if len(body) > max_size:
            raise FormError(f"the form is larger than {max_size} bytes")
        if kind.partition(";")[0].strip().lower() == _FORM:
            return page_forms.parse_fields(_decode(body), max_fields)
        found: Dict[str, List[str]] = {}
        parts = page_forms.parse_parts([body], kind, max_size)
        for count, part in enumerate(parts, 1):
            # A part takes nine bytes: a million of them would stop the loop for long.
            if count > max_fields:
                raise FormError(f"more than {max_fields} fields")
            if "filename" not in part:
                data = part["data"]
                assert isinstance(data, bytes)
                found.setdefault(str(part.get("name", "")), []).append(_decode(data))
        return found

    async def files(
        self, max_files: int = 1024, *, max_file_size: int = 104_857_600
    ) -> AsyncIterator[FormFile]:
        """Yield the parts of a form: its files, and its fields as well.

        Raises FormError if the content is no such form, or has too much.
        """
        kind = self.environ.get("CONTENT_TYPE", "")
        parts = page_forms.parse_parts(self._list_pieces(), kind, max_file_size)
        for count, part in enumerate(parts, 1):
            if count > max_files:
                raise FormError(f"more than {max_files} files")
            yield part

    def _variable(self, name: str) -> bytes:
        return os.fsencode(self.environ.get(name, ""))

    def _list_pieces(self) -> Iterator[bytes]:
        position = 0
        while True:
            piece = self._read(position, _CHUNK)
            if not piece:
                return
            position += len(piece)
            yield piece

    def _read(self, position: int, size: int = -1) -> bytes:
        """Read what may have been read from sys.stdin as well."""
        source = self._run.source
        if source is None:
            return b""
        kept = source.tell()
        source.seek(position)
        try:
            return source.read(size)
        finally:
            source.seek(kept)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")
