"""asyncio in runs: a policy and loops that are gone with the run.

The old idiom of ``get_event_loop()`` works in a script as in any main thread.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Callable, List, Optional

from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    replace,
    undoing,
)

_events: Any = asyncio.events
_Base: Any = asyncio.AbstractEventLoopPolicy
_init_loop = asyncio.BaseEventLoop.__init__
_get_policy = asyncio.get_event_loop_policy
_set_policy = asyncio.set_event_loop_policy


class _RunAsyncio:
    def __init__(self, run: RunContext) -> None:
        # Any: a policy; made when it is asked for.
        self.policy: Any = None
        self.loops: List[asyncio.BaseEventLoop] = []


def _end(run: RunContext, state: _RunAsyncio) -> None:
    for loop in state.loops:
        # A loop that goes on in a daemon thread; closed meanwhile.
        with suppress(Exception):
            if loop.is_running():
                loop.call_soon_threadsafe(loop.stop)
            elif not loop.is_closed():
                _close(loop)
    if asyncio._get_running_loop() is not None:
        # The run was interrupted in the midst of it.
        asyncio._set_running_loop(None)


def _close(loop: asyncio.BaseEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        # Nobody reads a complaint that it was pending when the script ended.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()


_of_run: PerRun[_RunAsyncio] = PerRun(_RunAsyncio, _end)


def end_in_thread(run: RunContext) -> None:
    """Close the loops that a thread, which has outlived the run, leaves behind."""
    state = _of_run.find(run)
    if run.is_ending and state is not None:
        _end(run, state)


def wake(run: RunContext) -> None:
    """Let the run's loops look around: an exception may have been raised there."""
    state = _of_run.find(run)
    for loop in [] if state is None else list(state.loops):
        # Closed, or its thread is just about to close it.
        with suppress(Exception):
            if loop.is_running():
                loop.call_soon_threadsafe(_do_nothing)


def _do_nothing() -> None:
    pass


def _run_policy() -> Optional[Any]:
    run = current.get()
    if run is None:
        return None
    state = _of_run.of(run)
    if state.policy is None:
        state.policy = asyncio.DefaultEventLoopPolicy()
    return state.policy


class _PolicyProxy(_Base):  # type: ignore[misc]
    """The policy of the current run, for C code, which asks no function of ours."""

    # Any: the policy of the process.
    def __init__(self, original: Any) -> None:
        self._original = original

    def _policy(self) -> Any:
        policy = _run_policy()
        return self._original if policy is None else policy

    def get_event_loop(self) -> Any:
        return self._policy().get_event_loop()

    def set_event_loop(self, loop: Any) -> None:
        self._policy().set_event_loop(loop)

    def new_event_loop(self) -> Any:
        return self._policy().new_event_loop()

    def get_child_watcher(self) -> Any:
        return self._policy().get_child_watcher()

    def set_child_watcher(self, watcher: Any) -> None:
        self._policy().set_child_watcher(watcher)


def _get_policy_in_run() -> Any:
    return _run_policy() or _get_policy()


def _set_policy_in_run(policy: Any) -> None:
    run = current.get()
    if run is None:
        _set_policy(policy)
        return
    if policy is not None and not isinstance(policy, _Base):
        raise TypeError(
            "policy must be an instance of AbstractEventLoopPolicy or None,"
            f" not '{type(policy).__name__}'"
        )
    _of_run.of(run).policy = policy


def _init_loop_in_run(loop: asyncio.BaseEventLoop) -> None:
    run = current.get()
    if run is not None:
        # Before it is ready: an interrupt may come at any point.
        _of_run.of(run).loops.append(loop)
    _init_loop(loop)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(_events, "_event_loop_policy", _PolicyProxy(_get_policy()), undo)
    for module in (asyncio, _events):
        replace(module, "get_event_loop_policy", _get_policy_in_run, undo)
        replace(module, "set_event_loop_policy", _set_policy_in_run, undo)
    replace(asyncio.BaseEventLoop, "__init__", _init_loop_in_run, undo)
    return undoing(undo)
