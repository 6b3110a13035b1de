"""Pages of a worker: the loop that their coroutines run on, and what they share."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from types import ModuleType
from typing import Any

from httpout_cgi.interpreter.page import Page
from httpout_cgi.interpreter.page_host import PageDoor, PageHost
from httpout_cgi.interpreter.run_context import RunContext
from httpout_cgi.runners.thread_run import ThreadRun


class Pages(PageHost):
    """Makes pages of runs.  ``on_idle`` is called, on the loop, with a run that has no
    coroutines any more."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_idle: Callable[[ThreadRun], None],
        *,
        debug: bool = False,
    ) -> None:
        super().__init__()
        self.debug = debug
        self._loop = loop
        self._on_idle = on_idle
        self._has_executor = False
        self._modules: dict[str, ModuleType] = {}
        self._lock = threading.Lock()  # guards what is made at first use

    def begin(self, context: RunContext, run: ThreadRun) -> None:
        """Let a run be a page; its thread calls this before the script begins."""
        run.page_loop = self._loop
        door = _Door(self._loop, run, self._on_idle)
        root = run.invocation.script.mount.path
        context.page = Page(context, root, self, door)

    def find_globals_module(self, root: str) -> ModuleType:
        """Return ``__globals__`` of the folder of pages."""
        module = self._modules.get(root)
        if module is None:
            with self._lock:
                module = self._modules.setdefault(root, ModuleType("__globals__"))
        return module


class _Door(PageDoor):
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        run: ThreadRun,
        on_idle: Callable[[ThreadRun], None],
    ) -> None:
        super().__init__(loop, lambda: on_idle(run))
        self.wait_for_room = run.wait_for_room  # type: ignore[method-assign]


class SharedExecutor(ThreadPoolExecutor):
    """The loop's executor; its threads belong to no run, whoever asks first."""

    # Any: as its parent.
    def submit(self, *arguments: Any, **keywords: Any) -> Future[Any]:
        """Submit outside of the run that asks."""
        return Context().run(super().submit, *arguments, **keywords)


def is_idle(context: RunContext) -> bool:
    """Tell whether a page has no coroutines any more."""
    page = context.page
    return not isinstance(page, Page) or page.is_idle


def cancel(context: RunContext | None) -> None:
    """End a page's coroutines, if there are any; on the loop."""
    if context is not None and isinstance(context.page, Page):
        context.page.cancel()
