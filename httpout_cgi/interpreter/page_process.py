"""A page in a process of its own: the page of a thread, over what is real here.

Its loop is in a thread of the process, from when it is first asked for.  Without
``app`` and ``websocket``: those are a worker's.
"""

from __future__ import annotations

import asyncio
import builtins
import errno
import io
import os
import select
import signal
import sys
import threading
from contextlib import suppress
from functools import cached_property
from types import CodeType, ModuleType
from typing import Any, BinaryIO, Callable, Dict, Optional, Sequence, cast

from httpout_cgi.interpreter import failures, page_globals, page_names
from httpout_cgi.interpreter.page import Page
from httpout_cgi.interpreter.page_host import PageHost
from httpout_cgi.interpreter.page_settings import PageSettings
from httpout_cgi.interpreter.run_context import RunContext
from httpout_cgi.interpreter.streams import open_page_output


class _Output(io.FileIO):
    """Descriptor 1; what is written to it otherwise has the header section as well."""

    def __init__(self, run: RunContext) -> None:
        super().__init__(1, "w", closefd=False)
        self.name = "<stdout>"
        self._run = run
        self._begin: Optional[Callable[[], object]] = None

    def begin_with(self, begin: Callable[[], object]) -> None:
        """Let the first byte settle the header section."""
        self._begin = begin

    # typeshed wants Buffer, which Python 3.8 cannot name.
    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()
        view = memoryview(data)
        rest = view.cast("B") if view.nbytes else view
        try:
            while rest:
                rest = rest[super().write(rest) or self._wait_for_room() :]
        except BrokenPipeError:
            self._run.is_reader_gone = True
            raise
        return view.nbytes

    def _wait_for_room(self) -> int:
        """Wait where somebody has made it non-blocking: asyncio does so with pipes."""
        poll = select.poll()
        poll.register(1, select.POLLOUT)
        poll.poll()
        return 0


class ProcessRun(RunContext):
    """What a page asks of its run, where that is the process."""

    # Not calling RunContext.__init__: nothing here stands in for anything.
    def __init__(self, path: str, directory: str, arguments: Sequence[str]) -> None:
        self.script_path = path
        self.directory = directory
        self.arguments = arguments
        # A dict, as in a thread: json.dumps(__server__) works.
        self.environment = dict(os.environ)
        self.main = sys.modules["__main__"]
        self.modules = sys.modules
        self.search_path = sys.path
        self.parts = {}
        # Any: it is another class than in a thread, with the same methods.
        output: Any = _Output(self)
        self.raw_output = output
        self.initial_stdout = open_page_output(output)
        self.output_buffer = output
        self.source = cast(BinaryIO, io.FileIO(0, "r", closefd=False))

    @property
    def stdout(self) -> Any:
        """Return what the script has as standard output."""
        return sys.stdout

    @stdout.setter
    def stdout(self, stream: Any) -> None:
        sys.stdout = stream

    @property
    def stderr(self) -> Any:
        """Return what the script has as standard error."""
        return sys.stderr

    def write_error(self, line: bytes) -> None:
        """Write a line to descriptor 2."""
        os.write(2, line + b"\n")


class _Host(PageHost):
    """Shares nothing: there is one page in a process."""

    has_websockets = False

    def __init__(self, settings: PageSettings) -> None:
        super().__init__()
        self.debug = settings.is_debugged
        self.module = ModuleType("__globals__")

    def find_globals_module(self, root: str) -> ModuleType:
        return self.module


class _Door:
    """Makes the loop when it is asked for: most pages need none."""

    def __init__(self, head: int, on_start: Callable[[], object]) -> None:
        self.tell_head = _HeadFile(head).add
        self._on_start = on_start

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which runs in a thread from now on."""
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="loop", daemon=True).start()
        self._on_start()
        return loop

    def on_idle(self) -> None:
        """Be told that no coroutine is left: join() looks for itself."""

    async def wait_for_room(self) -> None:
        """Have room: who writes waits himself."""


class _HeadFile:
    """The file for header sections."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._identity = _identify(number)

    def add(self, head: bytes) -> None:
        """Append a header section; raises OSError if the script has closed the file."""
        # The number may be that of a file of the script's by now.
        if _identify(self._number) != self._identity:
            number = self._number
            text = f"the descriptor for header sections ({number}) has been closed"
            raise OSError(errno.EBADF, text)
        os.write(self._number, head)


def _identify(number: int) -> object:
    try:
        seen = os.fstat(number)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


class ProcessPage:
    """The page of this process.  ``read`` returns the code of a file."""

    def __init__(
        self,
        run: ProcessRun,
        settings: PageSettings,
        read: Callable[[str], CodeType],
    ) -> None:
        self._read = read
        self._host = _Host(settings)
        self.run = run
        self._door = _Door(settings.head, self._heed_loop)
        self.page = Page(run, settings.root, self._host, self._door)
        run.page = self.page
        # Who prints half a line may be about to wait; nobody else would send it.
        run.initial_stdout.reconfigure(write_through=True)
        self.take_output()

    def take_output(self) -> None:
        """Let standard output be the page's, whatever the options said."""
        self.run.stdout = self.run.initial_stdout
        sys.__stdout__ = self.run.initial_stdout  # type: ignore[misc]

    def attempt(self, action: Callable[[], object]) -> None:
        """Do something; what it raises is seen in the browser."""
        failures.attempt(self.run, action)

    def join(self) -> None:
        """Wait for the coroutines that go on."""
        self.attempt(self.page.join)

    def begin(self) -> None:
        """Do what comes before the script."""
        builtins.__import__ = _make_import(self.page)
        # importlib.import_module() finds it.
        self.page.find_view(None)
        self._host.module = page_globals.load(self.page.root, self._read)
        self.page.add_names(vars(self.run.main))

    def _heed_loop(self) -> None:
        """Let SIGTERM end the coroutines first, if the script makes nothing of it."""
        os.register_at_fork(after_in_child=self._lose_loop)
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            with suppress(ValueError):  # not in the main thread
                signal.signal(signal.SIGTERM, self._end)

    def _end(self, number: int, frame: object) -> None:
        """Be the handler: the client has gone, or it has taken too long."""
        # Not measured: nothing comes after it.
        signal.signal(number, signal.SIG_DFL)
        self.page.tasks.end()
        os.kill(os.getpid(), number)

    def _lose_loop(self) -> None:
        """Be in a child of the script's: the thread of the loop is not."""
        self.page.lose_tasks()
        self._door.__dict__.pop("loop", None)

    def add_names(self, module: str) -> None:
        """Add to a module that is being loaded what a page has without importing it."""
        found = sys.modules.get(module)
        if found is not None:
            self.page.add_names(found.__dict__)


# Any: as the original.
def _make_import(page: Page) -> Any:
    original = builtins.__import__

    def import_name(
        name: str,
        globals: Optional[Dict[str, Any]] = None,
        locals: Optional[Dict[str, Any]] = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        if name == page_names.NAME and not level:
            return page.find_view(globals)
        return original(name, globals, locals, fromlist, level)

    return import_name
