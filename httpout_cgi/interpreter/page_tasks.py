"""The coroutines of one page, on the loop of another thread: run() and wait().

The script's thread is free when the script has ended; its coroutines go on.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any, Callable, Coroutine, Set, Union

from httpout_cgi.interpreter.run_context import RunAborted

_Task = Union["Future[Any]", "asyncio.Task[Any]"]
_Coroutine = Coroutine[Any, Any, Any]

_POLL_SECONDS = 0.02


class PageTasks:
    """Runs coroutines; any thread of the page, and the coroutines, may ask.

    On the loop, ``report`` is told of what a coroutine of run() has raised, ``on_idle``
    that none of them is left.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        report: Callable[[BaseException], None],
        on_idle: Callable[[], None],
    ) -> None:
        self.loop = loop
        self._report = report
        self._on_idle = on_idle
        # What run() has begun, and what is on the loop.
        self._pending: Set[_Task] = set()
        self._tasks: Set[asyncio.Task[Any]] = set()
        self._is_cancelled = False

    @property
    def is_idle(self) -> bool:
        """Tell whether all that run() has begun is over."""
        return not self._pending

    # Any: what a coroutine returns is the script's affair.
    def run(self, coroutine: _Coroutine) -> Any:
        """Start a coroutine and return a future: in a coroutine, one to await."""
        _check(coroutine)
        if self._is_on_loop():
            task = self.loop.create_task(self._follow(coroutine))
            self._keep(task, coroutine)
            self._pending.add(task)
            return task
        future: Future[Any] = Future()
        self._pending.add(future)
        self._start(coroutine, future, self._report)
        return future

    def wait(self, coroutine: _Coroutine) -> Any:
        """Run a coroutine and return its result, or raise what it raises."""
        _check(coroutine)
        if self._is_on_loop():
            coroutine.close()
            raise RuntimeError("wait() in a coroutine would wait for ever: use await")
        future: Future[Any] = Future()
        try:
            self._start(coroutine, future, _say_nothing)
            # Not by result(), whose frames would show in a traceback.
            exc = future.exception()
            if exc is not None:
                raise exc
            return future.result()
        finally:
            # Interrupted: the coroutine is, too.
            future.cancel()

    def cancel(self) -> None:
        """End all coroutines; on the loop."""
        self._is_cancelled = True
        for task in list(self._tasks):
            task.cancel()

    def end(self) -> None:
        """End all coroutines, and wait until they have, in a thread of the script."""
        self.loop.call_soon_threadsafe(self.cancel)
        while self._tasks or not self._is_cancelled:
            time.sleep(_POLL_SECONDS)

    def join(self) -> None:
        """Wait for what run() has begun, in a thread of the script."""
        while self._pending:
            time.sleep(_POLL_SECONDS)

    def _is_on_loop(self) -> bool:
        return asyncio._get_running_loop() is self.loop

    def _start(
        self,
        coroutine: _Coroutine,
        future: Future[Any],
        report: Callable[[BaseException], None],
    ) -> None:
        # The context goes along: it says which run this is.
        self.loop.call_soon_threadsafe(self._begin, coroutine, future, report)

    def _begin(
        self,
        coroutine: _Coroutine,
        future: Future[Any],
        report: Callable[[BaseException], None],
    ) -> None:
        task = self.loop.create_task(self._settle(coroutine, future, report))
        self._keep(task, coroutine)

        def end(ended: Future[Any]) -> None:
            if ended.cancelled():
                self.loop.call_soon_threadsafe(task.cancel)

        future.add_done_callback(end)

    def _keep(self, task: asyncio.Task[Any], coroutine: _Coroutine) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._drop)
        # A task that was cancelled before its first step has not begun it.
        task.add_done_callback(lambda _: coroutine.close())
        if self._is_cancelled:
            task.cancel()

    def _drop(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._forget(task)
        if not task.cancelled():
            task.exception()  # it has been reported

    def _forget(self, task: _Task) -> None:
        if task in self._pending:
            self._pending.discard(task)
            if not self._pending:
                self._on_idle()

    async def _settle(
        self,
        coroutine: _Coroutine,
        future: Future[Any],
        report: Callable[[BaseException], None],
    ) -> None:
        """Let the future have what comes of the coroutine.

        Nothing gets out: SystemExit would end the loop, and with it the server.
        """
        try:
            value = await coroutine
        except (asyncio.CancelledError, CancelledError):
            future.cancel()
        except BaseException as exc:
            self._end_if_aborted(exc)
            report(exc)
            with suppress(InvalidStateError):
                future.set_exception(exc)
        else:
            with suppress(InvalidStateError):
                future.set_result(value)
        finally:
            self._forget(future)

    async def _follow(self, coroutine: _Coroutine) -> Any:
        try:
            return await coroutine
        except asyncio.CancelledError:
            raise
        except BaseException as exc:
            self._end_if_aborted(exc)
            self._report(exc)
            if isinstance(exc, Exception):
                raise
            raise RuntimeError(f"the coroutine has ended by {exc!r}") from exc

    def _end_if_aborted(self, exc: BaseException) -> None:
        if isinstance(exc, RunAborted):
            self.cancel()


def _check(coroutine: object) -> None:
    if not asyncio.iscoroutine(coroutine):
        raise TypeError(f"a coroutine object is needed, not {coroutine!r}")


def _say_nothing(exc: BaseException) -> None:
    """Report nothing: who waits for the coroutine gets what it raises."""
