"""Pages of a worker: the loop that their coroutines run on, and what they share."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from http import HTTPStatus
from types import ModuleType
from typing import Any

from httpout_cgi.errors import HTTPError
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute_beginning
from httpout_cgi.interpreter.page import Page
from httpout_cgi.interpreter.page_attributes import Attributes
from httpout_cgi.interpreter.page_globals import GlobalsError
from httpout_cgi.interpreter.page_host import PageHost
from httpout_cgi.interpreter.run_context import RunContext
from httpout_cgi.runners import page_globals
from httpout_cgi.runners.page_app import PageApp, call
from httpout_cgi.runners.thread_run import ThreadRun
from httpout_cgi.runners.unasked_apps import UnaskedApps
from httpout_cgi.runners.websocket import Upgrade, WebSocket
from httpout_cgi.scripts import Mount, Permit

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5


class Pages(PageHost):
    """Makes pages of runs.  Only the loop's thread changes what is in here.

    ``on_change`` is called, once, with the path of a ``__globals__.py`` that is another
    than the one that has run.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[str], None] = lambda path: None,
        *,
        debug: bool = False,
    ) -> None:
        super().__init__()
        self.app = PageApp()
        self.debug = debug
        self._loop = loop
        self._on_change = on_change
        self._modules: dict[str, ModuleType] = {}
        # Of folders whose __globals__.py has failed: why.
        self._failures: dict[str, str] = {}
        self._unasked = UnaskedApps()
        # Of the files that have run, as they were then.
        self._signatures: dict[str, tuple[int, ...] | None] = {}
        self._looking: asyncio.TimerHandle | None = None
        loop.set_default_executor(_SharedExecutor())

    async def prepare(self, roots: Iterable[str]) -> None:
        """Run the ``__globals__.py`` of folders of pages; once for each."""
        names = Attributes(
            app=self.app,
            context=self.globals,
            globals=self.globals,
            loop=self._loop,
            logger=logging.getLogger("httpout"),
            websocket=None,
            print=print,
        )
        for root in roots:
            if root not in self._modules:
                self._signatures[root] = page_globals.sign(root)
                earlier = self.app.find("worker_start")
                self._load_globals(root, names)
                hooks = self.app.find("worker_start")
                await self._call_hooks(one for one in hooks if one not in earlier)

        if self._signatures and self._looking is None:
            self._looking = self._loop.call_later(_LOOK_SECONDS, self._look)

    def _load_globals(self, root: str, names: Attributes) -> None:
        try:
            self._modules[root] = page_globals.load(root, names)
        except GlobalsError as exc:
            self._failures[root] = str(exc)

    def _look(self) -> None:
        """See whether what has run is still what is there."""
        for root, signature in self._signatures.items():
            if page_globals.sign(root) != signature:
                self._on_change(f"{root}/{page_globals.FILE}")
                return
        self._looking = self._loop.call_later(_LOOK_SECONDS, self._look)

    async def close(self) -> None:
        """Call the hooks for the end of the worker."""
        if self._looking is not None:
            self._looking.cancel()
        await self._call_hooks(self.app.find("worker_stop"))

    async def _call_hooks(self, hooks: Iterable[Callable[..., Any]]) -> None:
        for hook in hooks:
            try:
                value = call(hook, self._values())
                if inspect.isawaitable(value):
                    await value
            except (Exception, SystemExit):
                _log.exception("a hook of %s has failed", page_globals.FILE)

    def begin(
        self,
        context: RunContext,
        run: ThreadRun,
        on_idle: Callable[[ThreadRun], None],
    ) -> None:
        """Let a run be a page; its thread calls this before the script begins.

        ``on_idle`` is called, on the loop, when it has no coroutines any more.
        """
        run.loop, run.report_idle = self._loop, on_idle
        root = run.invocation.script.mount.folder
        context.page = page = Page(context, root, self, run)
        upgrade = run.invocation.upgrade
        if isinstance(upgrade, Upgrade):
            page.websocket = WebSocket(upgrade, page)

    def find_globals_module(self, root: str) -> ModuleType:
        module = self._modules.get(root)
        if module is None:
            module = self._modules.setdefault(root, ModuleType("__globals__"))
        return module

    def guards(self, mount: Mount) -> bool:
        """Tell whether middleware is to be asked about what is no page of a mount.

        Raises HTTPError 500 if it is missing: whoever asks for a password to pages
        closes what lies beside them, too (CWE-862).
        """
        if mount.runner == "process":
            reason, is_asked = self._unasked.find_reason(mount.folder), False
        else:
            reason = self._failures.get(mount.folder, "")
            is_asked = self.app.has_middleware
        if reason:
            raise HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
        return is_asked

    # Any: a page, which has other types where no server is.
    def call_before(self, page: Any) -> bool:
        if page.root in self._failures:
            raise GlobalsError(self._failures[page.root])
        for function in self.app.find("request"):
            value = call(function, self._values(page))
            if inspect.iscoroutine(value):
                value = page.wait(value)
            if value is not None:
                data = value.encode() if isinstance(value, str) else value
                page.write(data)
                return False
        return True

    def call_with_response(self, page: Any) -> None:
        for function in self.app.find("response"):
            value = call(function, self._values(page))
            if inspect.iscoroutine(value):
                _finish_at_once(value)

    def _values(self, page: Any = None) -> dict[str, object]:
        values: dict[str, object] = {
            "app": self.app,
            "globals": self.globals,
            "loop": self._loop,
            "logger": logging.getLogger("httpout"),
            "context": self.globals,
        }
        if page is not None:
            values.update(
                request=page.request, response=page.response, context=page.context
            )
        return values


class _SharedExecutor(ThreadPoolExecutor):
    """The loop's executor; its threads belong to no run, whoever asks first."""

    # Any: as its parent.
    def submit(self, *arguments: Any, **keywords: Any) -> Future[Any]:
        """Let the function see the run that asks, and a thread for it see none."""
        of_run = partial(copy_context().run, *arguments, **keywords)
        return Context().run(super().submit, of_run)


# Any: as coroutines are.
def _finish_at_once(coroutine: Any) -> None:
    """Run what cannot wait: the header section is about to be sent."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("middleware for responses must not wait for anything")


def ask(context: RunContext, cache: CodeCache, permit: Permit) -> None:
    """Do the run that a permit is for; in a thread of scripts."""
    page = context.page
    assert isinstance(page, Page)
    execute_beginning(context, cache, partial(page.step_aside, permit.give))


def is_idle(context: RunContext) -> bool:
    """Tell whether a page has no coroutines any more."""
    page = context.page
    return not isinstance(page, Page) or page.is_idle


def flush(context: RunContext | None) -> None:
    """Send what a page has printed without a line end; on the loop."""
    if context is None or not isinstance(context.page, Page):
        return
    # Not through a pipe, which may be full, and which the loop itself reads.
    if not context.raw_output.has_descriptor:
        context.page.flush()


def cancel(context: RunContext | None) -> None:
    """End a page's coroutines, if there are any; on the loop."""
    if context is not None and isinstance(context.page, Page):
        context.page.cancel()
