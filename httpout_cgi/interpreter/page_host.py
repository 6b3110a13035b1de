"""What a page asks of whoever runs it; runners/pages.py has the one of a worker."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any, Callable, Optional, Protocol

from httpout_cgi.interpreter.page_attributes import Attributes


class PageHost:
    """What the pages of one process share.

    ``globals`` is for what they want to keep.
    """

    debug = False
    has_websockets = True

    def __init__(self) -> None:
        self.globals = Attributes()

    def find_globals_module(self, root: str) -> ModuleType:
        """Return ``__globals__`` of the folder of pages."""
        raise NotImplementedError

    # Any: a page.Page, which knows this file.
    def call_before(self, page: Any) -> bool:
        """Do what comes before a page; tell whether it is to run at all."""
        return True

    # Any: as above.
    def call_with_response(self, page: Any) -> None:
        """Do what comes before the header section is sent."""


class PageDoor(Protocol):
    """What one page asks for: the loop, and how far its reader is.

    ``tell_head`` is told the header section whenever it has changed, if anybody has to
    know before the first byte is written.
    """

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of its coroutines."""

    @property
    def tell_head(self) -> Optional[Callable[[bytes], object]]: ...

    def on_idle(self) -> None:
        """Be told, on the loop, that no coroutine of run() is left."""

    async def wait_for_room(self) -> None:
        """Wait while too much output is unread; on the loop."""
