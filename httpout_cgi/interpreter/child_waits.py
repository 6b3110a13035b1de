"""os.wait() and its like: a run waits for its own children, not for other runs'."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable, Dict, List, Tuple

from httpout_cgi.interpreter.children import Children, children_of
from httpout_cgi.interpreter.run_context import RunContext, current, replace, undoing

_wait, _waitpid, _wait3, _wait4 = os.wait, os.waitpid, os.wait3, os.wait4

# Between two looks at all children, in seconds.
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.05


def _waitpid_in_run(pid: int, options: int) -> Tuple[int, int]:
    run = current.get()
    if run is None:
        return _waitpid(pid, options)
    pid, status = _wait_for(run, pid, options, _waitpid)
    return pid, status


# Any: a struct_rusage.
def _wait4_in_run(pid: int, options: int) -> Tuple[int, int, Any]:
    run = current.get()
    if run is None:
        return _wait4(pid, options)
    pid, status, usage = _wait_for(run, pid, options, _wait4)
    return pid, status, usage


def _wait_in_run() -> Tuple[int, int]:
    return _wait() if current.get() is None else _waitpid_in_run(-1, 0)


# Any: as above.
def _wait3_in_run(options: int) -> Tuple[int, int, Any]:
    return _wait3(options) if current.get() is None else _wait4_in_run(-1, options)


# Any: a result of os.waitpid() or os.wait4(), which begin with the process id.
def _wait_for(
    run: RunContext, pid: int, options: int, wait: Callable[[int, int], Any]
) -> Any:
    children = children_of.of(run)
    result = wait(pid, options) if pid > 0 else _wait_for_any(children, options, wait)
    if result[0] and not os.WIFSTOPPED(result[1]):
        children.by_id.pop(result[0], None)
    return result


# Any: as above.
def _wait_for_any(
    children: Children, options: int, wait: Callable[[int, int], Any]
) -> Any:
    pause = _FIRST_PAUSE
    while True:
        nothing = None
        for pid in children.living():
            try:
                result = wait(pid, options | os.WNOHANG)
            except ChildProcessError:
                children.by_id.pop(pid, None)  # subprocess has seen to it
                continue
            if result[0]:
                return result
            nothing = result
        if nothing is None:
            # Raises what there is to raise: this process is no child of its own.
            return wait(os.getpid(), options)
        if options & os.WNOHANG:
            return nothing
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    stand_ins: Dict[str, Callable[..., Any]] = {
        "waitpid": _waitpid_in_run,
        "wait4": _wait4_in_run,
        "wait3": _wait3_in_run,
        "wait": _wait_in_run,
    }
    for name, stand_in in stand_ins.items():
        for module in (os, sys.modules["posix"]):
            replace(module, name, stand_in, undo)
    return undoing(undo)
