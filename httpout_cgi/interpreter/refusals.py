"""Calls that would take the whole server along: in a run they are an error.

A forked worker would keep the listening sockets, an exec would end it, and an alarm
would kill it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Callable, List, NoReturn

from httpout_cgi.interpreter.run_context import current, process, replace

_OS = ("fork", "forkpty", "execv", "execve", "abort")
_SIGNAL = ("alarm", "setitimer")


class ProcessNeededError(RuntimeError):
    """A script in a thread called what needs a process of its own."""


# Any: whatever the call takes.
def _refuse_in_run(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def refused(*arguments: Any, **keywords: Any) -> Any:
        if current.get() is None:
            return original(*arguments, **keywords)
        _refuse(name)

    refused.__name__ = refused.__qualname__ = name.rpartition(".")[2]
    return refused


def _refuse(call: str) -> NoReturn:
    raise ProcessNeededError(
        f"{call}() needs a process of its own, but this script runs in a thread of the"
        " server (runner: thread); it needs runner: process"
    )


def _kill(pid: int, number: int) -> None:
    # 0 asks whether a process is there.
    is_ours = abs(pid) in (0, 1, os.getpid(), os.getppid(), os.getpgrp())
    if number != 0 and is_ours and current.get() is not None:
        _refuse("os.kill")
    process["kill"](pid, number)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    process["kill"] = os.kill
    # What os and signal offer comes from modules in C, which a script may import, too.
    posix, c_signal = sys.modules[os.name], sys.modules["_signal"]
    for names, modules in ((_OS, (os, posix)), (_SIGNAL, (signal, c_signal))):
        for name in names:
            original = getattr(modules[0], name, None)
            if original is not None:
                stand_in = _refuse_in_run(f"{modules[0].__name__}.{name}", original)
                for module in modules:
                    replace(module, name, stand_in, undo)
    for module in (os, posix):
        replace(module, "kill", _kill, undo)

    def uninstall() -> None:
        while undo:
            undo.pop()()
        process.pop("kill", None)

    return uninstall
