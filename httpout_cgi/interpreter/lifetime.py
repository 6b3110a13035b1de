"""What a script starts ends with its run: threads, atexit callbacks, os._exit().

Threads that outlive their run write to nobody; ``end_threads`` ends them.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import threading
from contextvars import Context
from functools import partial
from operator import index
from typing import Any, Callable, List, NoReturn, Optional, TypeVar

from httpout_cgi.interpreter import clocks, run_asyncio, run_threads
from httpout_cgi.interpreter.ignored_failures import call_at_exit, call_in_raw_thread
from httpout_cgi.interpreter.run_context import (
    RunAborted,
    RunContext,
    RunInterrupted,
    current,
    current_for_changes,
    new_context,
    replace,
    undoing,
)
from httpout_cgi.interpreter.thread_exceptions import strike

F = TypeVar("F", bound=Callable[..., Any])

_start = threading.Thread.start
# Private, but the same from Python 3.8 to 3.14; run() would be too late, for it does
# not cover what reports a thread's exception.
_bootstrap: Any = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]
_start_new_thread = _thread.start_new_thread
_register = atexit.register
_unregister = atexit.unregister
_exit = os._exit


class _RawThread:
    """A thread that _thread.start_new_thread() has started."""

    ident: Optional[int] = None


def _start_in_run(thread: threading.Thread) -> None:
    run = current_for_changes()
    # A thread that has been started already: the original refuses it.
    if run is None or hasattr(thread, "_run_end"):
        _start(thread)
        return
    run_threads.main_thread_id(run)
    end = _thread.allocate_lock()
    thread._run_end = end  # type: ignore[attr-defined]
    thread._run_context = new_context(run)  # type: ignore[attr-defined]
    # Python 3.14 enters a context of its own behind ours, an empty one if unset.
    if getattr(thread, "_context", thread) is None:  # pragma: no cover - 3.14
        thread._context = new_context(run)  # type: ignore[attr-defined]
    end.acquire()
    run.threads.append(thread)
    try:
        _start(thread)
    except BaseException:
        # Say, the system has no more threads; an exception may also have struck while
        # it waited for the new one to start.
        if thread.ident is None:
            run.threads.remove(thread)
        raise


def _bootstrap_in_run(thread: threading.Thread) -> None:
    context: Context | None = thread.__dict__.pop("_run_context", None)
    if context is None:  # pragma: no cover - a tracer comes later, with _bootstrap
        _bootstrap(thread)
        return
    try:  # pragma: no cover - a tracer comes later, with _bootstrap
        context.run(_bootstrap_with_hooks, thread)
    finally:  # pragma: no cover - as above
        thread._run_is_over = True  # type: ignore[attr-defined]
        thread._run_end.release()  # type: ignore[attr-defined]


def _bootstrap_with_hooks(thread: threading.Thread) -> None:
    run = current.get()
    assert run is not None  # it is what the context is for
    run_threads.set_hooks(run)
    try:
        _bootstrap(thread)
    finally:
        run_asyncio.end_in_thread(run)
        clocks.end_thread(run)


# Any: whatever the new thread is to call.
def _start_new_thread_in_run(function: Any, *arguments: Any) -> int:
    run = current_for_changes()
    if run is None:
        return _start_new_thread(function, *arguments)
    return start_raw_thread(run, function, *arguments)


# Any: as above.
def start_raw_thread(run: RunContext, function: Any, *arguments: Any) -> int:
    """Start a thread of the run that threading does not know."""
    run_threads.main_thread_id(run)
    context, alive, thread = new_context(run), run.raw_threads, _RawThread()

    def call(*positional: Any, **keywords: Any) -> None:
        try:  # pragma: no cover - no tracer comes here
            thread.ident = _thread.get_ident()
            context.run(call_in_raw_thread, run, function, *positional, **keywords)
        except (RunAborted, RunInterrupted):  # pragma: no cover - as above
            pass  # the run is over
        finally:  # pragma: no cover - as above
            context.run(run_asyncio.end_in_thread, run)
            alive.remove(thread)

    alive.append(thread)
    try:
        return _start_new_thread(call, *arguments)
    except RuntimeError:
        alive.remove(thread)  # the system has no more threads
        raise


def _register_in_run(function: F, *arguments: Any, **keywords: Any) -> F:
    run = current_for_changes()
    if run is None:
        _register(function, *arguments, **keywords)
        return function
    if not callable(function):
        raise TypeError("the first argument must be callable")
    run.exit_callbacks.append((function, arguments, keywords))
    return function


def _unregister_in_run(function: Callable[..., Any]) -> None:
    run = current_for_changes()
    if run is None:
        _unregister(function)
    elif "exit_callbacks" in run.__dict__:
        kept = [callback for callback in run.exit_callbacks if callback[0] != function]
        run.exit_callbacks[:] = kept


def _exit_run(status: int) -> NoReturn:
    run = current.get()
    if run is None:
        _exit(status)
    abort(run, index(status) & 0xFF)


def abort(run: RunContext, code: int) -> NoReturn:
    """End the run here and now; what has not been flushed is lost.

    From another thread than the script's own, that one is struck as well.
    """
    run.exit_code = code
    run.is_aborted = True
    run.raw_output.mute()
    if not run_threads.is_main(run) and not run.is_ending:
        # If now is no good time: the runner does it again.
        run_asyncio.wake(run)
        strike([run_threads.main_thread_id(run)], RunAborted)
    raise RunAborted(code)


def join_threads(run: RunContext) -> None:
    """Wait for the threads that the run has started, as the interpreter's end does.

    With a time limit each, for a thread that blocks for good cannot be interrupted.
    Not by join(): an interrupt there makes CPython believe that the thread has ended
    (bpo-45274).
    """
    run_threads.of_run.of(run).main.end()
    for thread in run.threads:
        # Before Python 3.9 those of pools are daemons, and waited for as well.
        if not thread.daemon or thread in _pool_queues():
            end: Any = thread._run_end  # type: ignore[attr-defined]
            # Again and again: threads may start pools as long as they go on.
            _shut_down_executors(run)
            while not end.acquire(timeout=0.2):
                _shut_down_executors(run)


def _living_threads(run: RunContext) -> List[Any]:
    # is_alive() alone would not do: see join_threads().
    started = [
        thread
        for thread in run.__dict__.get("threads", ())
        if thread.is_alive() and not hasattr(thread, "_run_is_over")
    ]
    return started + list(run.__dict__.get("raw_threads", ()))


def thread_ids(run: RunContext) -> List[int]:
    """Return the ids of the threads that the run has started and that are alive."""
    return [one.ident for one in _living_threads(run) if one.ident is not None]


def has_threads(run: RunContext) -> bool:
    """Tell whether threads of the run are still alive."""
    made = run.__dict__
    if "threads" not in made and "raw_threads" not in made:
        return False
    return bool(_living_threads(run))


def end_threads(run: RunContext) -> int:
    """Try to end the threads that have outlived the run; count them.

    To be called again: a bare ``except:`` may swallow what is raised.
    """
    left = _living_threads(run)
    if left:
        pools = _pool_queues()
        for thread in left:
            if thread in pools:
                # It wakes from its queue.  No lock is taken: others may hold it.
                pools[thread].put(None)
        strike(thread_ids(run), SystemExit)
    return len(left)


def call_exit_callbacks(
    run: RunContext, attempt: Callable[[RunContext, Callable[[], object]], None]
) -> None:
    """Call what atexit.register() was given, last in, first out."""
    callbacks = run.exit_callbacks
    while callbacks:
        function, arguments, keywords = callbacks.pop()
        call = partial(call_at_exit, run, function, *arguments, **keywords)
        attempt(run, call)


# Any: a module's private mapping of its threads to their queues.
def _pool_queues() -> Any:
    module = sys.modules.get("concurrent.futures.thread")
    return getattr(module, "_threads_queues", {})


def _shut_down_executors(run: RunContext) -> None:
    """Do what concurrent.futures does at exit, for its threads in this run alone."""
    workers = _pool_queues()
    for thread in list(run.threads):
        if thread in workers:
            # The first argument of a worker is a weak reference to its executor.
            executor = (getattr(thread, "_args", None) or [lambda: None])[0]()
            if executor is not None:
                executor.shutdown(wait=False)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(threading.Thread, "start", _start_in_run, undo)
    replace(threading.Thread, "_bootstrap_inner", _bootstrap_in_run, undo)
    replace(_thread, "start_new_thread", _start_new_thread_in_run, undo)
    replace(_thread, "start_new", _start_new_thread_in_run, undo)
    replace(atexit, "register", _register_in_run, undo)
    replace(atexit, "unregister", _unregister_in_run, undo)
    for module in (os, sys.modules[os.name]):
        replace(module, "_exit", _exit_run, undo)
    return undoing(undo)
