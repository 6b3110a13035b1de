"""A page: a script whose output has no header section; we write it for it.

What it prints goes on line by line; what is no line yet, when somebody calls ``flush``.
How a page ends, by exit("text") or an exception, is seen in the browser.
"""

from __future__ import annotations

import html
import logging
from contextlib import suppress
from contextvars import Context, copy_context
from types import ModuleType
from typing import Any, Callable, Coroutine, Dict, List, Optional, Tuple

from httpout_cgi.interpreter import failures, page_names, run_threads
from httpout_cgi.interpreter.page_attributes import Attributes
from httpout_cgi.interpreter.page_head import HeadersSentError, PageHead
from httpout_cgi.interpreter.page_host import PageDoor, PageHost
from httpout_cgi.interpreter.page_request import PageRequest
from httpout_cgi.interpreter.page_response import PageResponse
from httpout_cgi.interpreter.page_tasks import PageTasks
from httpout_cgi.interpreter.run_context import (
    PageOfRun,
    RunAborted,
    RunContext,
)

_Coroutine = Coroutine[Any, Any, Any]


class Page(PageOfRun):
    """What a run has that is a page.

    ``root`` is the folder of pages that it belongs to.
    """

    # Made when they are asked for.
    logger: Optional[logging.Logger] = None
    # Any: what a server's WebSocket is like.
    websocket: Any = None
    # Its response is another's; there is nobody who could read what is printed.
    is_handed_over = False
    _tasks: Optional[PageTasks] = None
    _request: Optional[PageRequest] = None
    _response: Optional[PageResponse] = None
    _context: Optional[Attributes] = None
    # The script's, from when it has left its thread to its coroutines.
    _left: Optional[Context] = None

    def __init__(
        self, run: RunContext, root: str, host: PageHost, door: PageDoor
    ) -> None:
        self.run: RunContext = run
        self.root = root
        self.host = host
        self.head = PageHead(door.tell_head)
        self._views: Dict[int, ModuleType] = {}
        self._door = door
        run.raw_output.begin_with(self._make_head)
        if run.directory != root:
            run.search_path.insert(1, root)

    @property
    def globals_module(self) -> ModuleType:
        """Return ``__globals__``, which all pages of the folder share."""
        return self.host.find_globals_module(self.root)

    @property
    def request(self) -> PageRequest:
        if self._request is None:
            self._request = PageRequest(self.run)
        return self._request

    @property
    def response(self) -> PageResponse:
        if self._response is None:
            self._response = PageResponse(
                self.head, self.write, self._door.wait_for_room
            )
        return self._response

    @property
    def context(self) -> Attributes:
        if self._context is None:
            self._context = Attributes(client=self.request.client)
        return self._context

    @property
    def tasks(self) -> PageTasks:
        """Return what runs its coroutines."""
        if self._tasks is None:
            # Which thread is the script's has to be known before the loop's asks.
            run_threads.main_thread_id(self.run)
            door = self._door
            self._tasks = PageTasks(door.loop, self._report, door.on_idle)
        return self._tasks

    def begin(self) -> None:
        if not self.host.call_before(self):
            raise SystemExit

    def step_aside(self, tell: Callable[[], object]) -> None:
        """Let somebody else send the content; ``tell`` is told before the fields are.

        Not if anything has been printed: that is the response, then.
        """
        self.flush()
        if self.head.is_sent:
            text = b"middleware has printed: that is sent, and nothing behind it"
            self.run.write_error(text)
            return
        self.head.leave_type()
        tell()
        # Now: coroutines may go on for long, and a failure comes too late to be shown.
        self.run.raw_output.begin()

    def hand_over(self) -> List[Tuple[str, str]]:
        """Return its fields, for a head that somebody else sends.

        What it prints from now on goes nowhere.  Raises HeadersSentError.
        """
        self.flush()
        if not self.run.raw_output.begin_without(self._warn_once):
            raise HeadersSentError("headers already sent: accept before you print")
        self.head.is_sent = self.is_handed_over = True
        self.request.upgraded = True
        return self.head.fields

    def _warn_once(self, data: bytes) -> None:
        self.run.raw_output.mute()
        text = b"what is printed behind a WebSocket goes nowhere: use websocket.send()"
        self.run.write_error(text)

    def _make_head(self) -> bytes:
        try:
            self.host.call_with_response(self)
        except Exception as exc:
            # Not in the page: that would be its first byte again.
            self.run.write_error(repr(exc).encode("utf-8", "backslashreplace"))
        return self.head.encode()

    def flush(self) -> None:
        """Let go of what has been printed and is no line yet; any thread may."""
        # The script may have closed it, or taken it apart; nobody may read any more.
        with suppress(OSError, ValueError):
            self.run.initial_stdout.flush()

    def write(self, data: bytes) -> None:
        """Write behind what has been printed."""
        self.flush()
        self.run.output_buffer.write(data)

    def add_names(self, namespace: Dict[str, Any]) -> None:
        """Add what a page and its modules have without importing it."""
        namespace["run"] = self.run_coroutine
        namespace["wait"] = self.wait
        namespace["__server__"] = self.run.environment
        namespace["__globals__"] = self.globals_module

    def find_view(self, namespace: Optional[Dict[str, Any]]) -> ModuleType:
        if namespace is None:
            assert self.run.main is not None
            namespace = self.run.main.__dict__
        view = self._views.get(id(namespace))
        if view is None:
            view = self._views[id(namespace)] = page_names.View(self, namespace)
            # For importlib.import_module(), which looks there.
            self.run.modules.setdefault(page_names.NAME, view)
        return view

    # Any: what a coroutine returns.
    def run_coroutine(self, coroutine: _Coroutine) -> Any:
        """Start a coroutine; the response stays open until it is done."""
        return self.tasks.run(coroutine)

    def wait(self, coroutine: _Coroutine) -> Any:
        """Run a coroutine and return its result."""
        return self.tasks.wait(coroutine)

    @property
    def is_idle(self) -> bool:
        """Tell whether no coroutine of run() is left."""
        return self._tasks is None or self._tasks.is_idle

    def leave_thread(self) -> bool:
        if self.is_idle or self.run.is_aborted:
            return False
        self._left = copy_context()
        # Its thread will be another run's.
        run_threads.move_main(self.run, 0)
        return True

    @property
    def has_left(self) -> bool:
        """Tell whether the script is over, and its end is still to come."""
        return self._left is not None

    def take_thread(self) -> Context:
        """Return the context for the end of the run, in the caller's thread."""
        left, self._left = self._left, None
        assert left is not None
        left.run(run_threads.move_main, self.run)
        return left

    def join(self) -> None:
        if self._tasks is not None:
            self._tasks.join()

    def lose_tasks(self) -> None:
        """Take note that this is a child of the page's process, without its loop."""
        self._tasks = None

    def cancel(self) -> None:
        """End its coroutines; on the loop."""
        if self._tasks is not None:
            self._tasks.cancel()

    def end_output(self) -> None:
        # They keep the namespaces of modules that are about to end.
        self._views.clear()
        if not self.head.is_sent:
            # Nobody reads any more: no matter.
            with suppress(OSError, ValueError):
                self.run.raw_output.begin()

    def take_exit(self, code: object) -> None:
        # exit(0) is how scripts for a terminal end; httpout prints nothing then.
        if code is not None and not (isinstance(code, int) and code == 0):
            self._print(f"{failures.text_of(code, '')}\n")

    def show_failure(self, exc: BaseException, text: str) -> None:
        if self.websocket is not None:
            self.websocket.fail(exc)
        if not self.head.is_sent:
            self.head.fail()
        if self.host.debug:
            self._print(f"<pre>{html.escape(text)}</pre>\n")
            return
        name = type(exc).__name__
        said = html.escape(f"{name}: {failures.text_of(exc, '?')}")
        self._print(f"<ul><li>{said}</li></ul>\n")

    def _report(self, exc: BaseException) -> None:
        """Tell of what a coroutine has raised, as of the script's exceptions."""
        if isinstance(exc, SystemExit):
            failures.take_exit_code(self.run, exc.code)
        elif not isinstance(exc, RunAborted):
            failures.report(self.run, exc)

    def _print(self, text: str) -> None:
        if self.is_handed_over:
            return
        # What the script has put in the place of its output may be anything.
        failures.write_to(self.run.stdout, text)
