"""What threading shows of a run: its own threads alone, the script's as MainThread.

In a run, a script finds itself in the main thread, its threads are called Thread-1
and so on, and hooks for new threads are for threads of the run.
"""

from __future__ import annotations

import _thread
import itertools
import sys
import threading
from concurrent.futures import thread as pools
from types import ModuleType
from typing import Any, Callable, List, Optional

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunAborted,
    RunContext,
    current,
    current_for_changes,
    replace,
    undoing,
)
from httpout_cgi.interpreter.thread_exceptions import wait

_find = current.get
_get_ident = _thread.get_ident


class _MainThread(threading._MainThread):  # type: ignore[name-defined,misc]
    """The thread of a script, as threading shows it to the script."""

    def __init__(self) -> None:
        # Not by way of _MainThread, which would enter itself for the whole process.
        threading.Thread.__init__(self, name="MainThread", daemon=False)
        self._ident = _get_ident()
        self._native_id = threading.get_native_id()
        self._started.set()
        self._goes_on = _thread.allocate_lock()
        self._goes_on.acquire()

    def is_alive(self) -> bool:
        return bool(self._goes_on.locked())

    def join(self, timeout: Optional[float] = None) -> None:
        """Wait for the end of the script, not of what goes on behind it."""
        if _get_ident() == self._ident:
            raise RuntimeError("cannot join current thread")
        if wait(self._goes_on, timeout if timeout is None else max(timeout, 0.0)):
            self._goes_on.release()

    def __repr__(self) -> str:
        status = "started" if self.is_alive() else "stopped"
        return f"<_MainThread(MainThread, {status} {self._ident})>"

    def end(self) -> None:
        """Let those who joined go on."""
        self._goes_on.release()


class RunThreads:
    """What a run knows of its threads.

    Whoever needs it first is in the script's own thread: it is made before another
    one is started.
    """

    def __init__(self, run: RunContext) -> None:
        self.main = _MainThread()
        self.main_id = _get_ident()
        self.next_thread = itertools.count(1).__next__
        self.next_pool = itertools.count().__next__
        # Any: hooks, whatever a script calls so.
        self.trace: Any = None
        self.profile: Any = None
        self.excepthook: Any = _process_excepthook


of_run: PerRun[RunThreads] = PerRun(RunThreads)

_process_excepthook = threading.excepthook
_current_thread = threading.current_thread
_main_thread = threading.main_thread
_enumerate = threading.enumerate


def main_thread_id(run: RunContext) -> int:
    """Return the id of the script's own thread; any thread of the run may ask."""
    return of_run.of(run).main_id


def move_main(run: RunContext, thread_id: Optional[int] = None) -> None:
    """Let another thread be the script's own: the caller's, or none if that is 0."""
    threads = of_run.find(run)
    if threads is not None:
        threads.main_id = _get_ident() if thread_id is None else thread_id
        threads.main._ident = threads.main_id


def is_main(run: RunContext) -> bool:
    """Tell whether the caller is in the script's own thread."""
    return of_run.of(run).main_id == _get_ident()


def _current_thread_in_run() -> threading.Thread:
    run = _find()
    if run is not None:
        threads = of_run.of(run)
        if threads.main_id == _get_ident():
            return threads.main
    return _current_thread()


def _main_thread_in_run() -> threading.Thread:
    run = _find()
    return _main_thread() if run is None else of_run.of(run).main


def _enumerate_in_run() -> List[threading.Thread]:
    run = _find()
    if run is None:
        return _enumerate()
    threads: List[threading.Thread] = [of_run.of(run).main]
    if "threads" in run.__dict__:
        threads += run.threads
    return [thread for thread in threads if thread.is_alive()]


def _active_count_in_run() -> int:
    return len(_enumerate_in_run())


# Any: itertools' counters.
def _counting(original: Any, attribute: str) -> Callable[[], int]:
    def count() -> int:
        run = current_for_changes()
        counter = original if run is None else getattr(of_run.of(run), attribute)
        return int(counter())

    return count


# Any: hooks, whatever a script calls so.
def _hooking(original: Any, attribute: str) -> Callable[[Any], None]:
    def set_hook(func: Any) -> None:
        run = _find()
        if run is None:
            original(func)
        else:
            setattr(of_run.of(run), attribute, func)

    return set_hook


def _getting_hook(original: Any, attribute: str) -> Callable[[], Any]:
    def get_hook() -> Any:
        run = _find()
        threads = None if run is None else of_run.of(run)
        return original() if threads is None else getattr(threads, attribute)

    return get_hook


# Any: threading.ExceptHookArgs, which is not a type in typeshed for all versions.
def _report(arguments: Any) -> None:
    """Stand in for threading.excepthook, as threading itself reads it."""
    run = _find()
    if run is None:
        _process_excepthook(arguments)
    elif not run.is_ending and not issubclass(arguments.exc_type, RunAborted):
        of_run.of(run).excepthook(arguments)


class _Threading(GuardedModule):
    """The class of threading: assigning ``excepthook`` ends with the run."""

    @property
    def excepthook(self) -> Any:
        run = _find()
        return _process_excepthook if run is None else of_run.of(run).excepthook

    @excepthook.setter
    def excepthook(self, value: Any) -> None:
        global _process_excepthook
        run = _find()
        if run is None:
            _process_excepthook = value
        else:
            of_run.of(run).excepthook = value


def set_hooks(run: RunContext) -> None:
    """Trace or profile this new thread of the run as the script wishes."""
    threads = of_run.of(run)
    if threads.profile is not None:
        sys.setprofile(threads.profile)
    if threads.trace is not None:
        sys.settrace(threads.trace)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(threading, "current_thread", _current_thread_in_run, undo)
    replace(threading, "main_thread", _main_thread_in_run, undo)
    replace(threading, "enumerate", _enumerate_in_run, undo)
    replace(threading, "active_count", _active_count_in_run, undo)
    if sys.version_info < (3, 10):
        # Just other names; since 3.10 functions that call the new ones.
        replace(threading, "currentThread", _current_thread_in_run, undo)
        replace(threading, "activeCount", _active_count_in_run, undo)
    counter = _counting(threading._counter, "next_thread")  # type: ignore[attr-defined]
    replace(threading, "_counter", counter, undo)
    pool_class = pools.ThreadPoolExecutor
    pool_counter = pool_class._counter  # type: ignore[attr-defined]
    stand_in = staticmethod(_counting(pool_counter, "next_pool"))
    replace(pool_class, "_counter", stand_in, undo)
    _install_hooks(undo)
    return undoing(undo)


def _install_hooks(undo: List[Callable[[], None]]) -> None:
    for kind in ("trace", "profile"):
        for name, make in (("set" + kind, _hooking), ("get" + kind, _getting_hook)):
            original = getattr(threading, name, None)
            if original is not None:
                replace(threading, name, make(original, kind), undo)
    global _process_excepthook
    namespace = threading.__dict__
    _process_excepthook = namespace["excepthook"]
    namespace["excepthook"] = _report
    threading.__class__ = _Threading

    def uninstall() -> None:
        threading.__class__ = ModuleType
        namespace["excepthook"] = _process_excepthook

    undo.append(uninstall)
