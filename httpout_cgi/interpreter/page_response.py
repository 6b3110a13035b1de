"""``response`` of a page: its status, its fields, and bytes for its body."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Dict, List, Optional, Union

from httpout_cgi.interpreter.page_head import HTML, PageHead, format_cookie

_Text = Union[str, bytes, bytearray]


class PageResponse:
    """What a page says of its response; its thread and its coroutines may.

    ``write`` and ``wait_for_room`` are the page's: the latter waits while too much is
    unread.
    """

    def __init__(
        self,
        head: PageHead,
        write: Callable[[bytes], object],
        wait_for_room: Callable[[], Awaitable[None]],
    ) -> None:
        self._head = head
        self._write = write
        self._wait_for_room = wait_for_room

    @property
    def headers(self) -> Dict[bytes, List[bytes]]:
        """Return the fields by lower-case name; a copy."""
        return self._head.as_mapping()

    def headers_sent(self) -> bool:
        """Tell whether the header section is out: it can not be changed any more."""
        return self._head.is_sent

    def set_status(self, status: int = 200, message: _Text = "") -> None:
        self._head.set_status(status, message)

    def set_header(self, name: _Text, value: _Text = "") -> None:
        self._head.set(name, value)

    def append_header(self, name: _Text, value: _Text) -> None:
        self._head.append(name, value)

    def set_content_type(self, content_type: _Text = HTML) -> None:
        self._head.set("Content-Type", content_type)

    def set_cookie(
        self,
        name: _Text,
        value: _Text = "",
        *,
        expires: float = 0,
        path: str = "/",
        domain: Optional[str] = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Optional[str] = None,
    ) -> None:
        """Add a cookie that ends in ``expires`` seconds, or with the browser's session.

        A negative number deletes it.  The value may be any text.
        """
        cookie = format_cookie(
            name,
            value,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )
        self._head.append("Set-Cookie", cookie)

    def redirect(self, location: _Text, status: int = 302) -> None:
        """Send the client elsewhere."""
        self._head.set_status(status)
        self._head.set("Location", location)

    # Any: httpout hands more on to tremolo, about its connection.
    async def write(self, data: _Text, **_: Any) -> None:
        """Send bytes, behind what has been printed; wait while the client is slow."""
        self._write(data.encode() if isinstance(data, str) else bytes(data))
        await self._wait_for_room()
