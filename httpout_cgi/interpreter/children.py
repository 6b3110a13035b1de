"""Child processes of a run: its streams, environment, working directory and end.

A child that outlives its run is reaped later; its pipes are closed on our side, as
the end of a process would.
"""

from __future__ import annotations

import _posixsubprocess
import os
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from contextvars import Context, ContextVar
from typing import Any, Callable, Dict, List, Optional

from httpout_cgi.interpreter.environment import for_child
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    replace,
    undoing,
)
from httpout_cgi.interpreter.run_streams import streams_of

_Popen = subprocess.Popen
_get_handles: Any = _Popen._get_handles  # type: ignore[attr-defined]
_execute_child: Any = _Popen._execute_child  # type: ignore[attr-defined]
_fork_exec: Any = _posixsubprocess.fork_exec
_system, _spawnvef = os.system, os._spawnvef  # type: ignore[attr-defined]
_posix_spawn, _posix_spawnp = os.posix_spawn, os.posix_spawnp
_waitpid, _kill = os.waitpid, os.kill

# Set while subprocess starts a child in its own way.
_is_in_popen: ContextVar[bool] = ContextVar("is_in_popen", default=False)


class Children:
    """The children of a run that nobody has waited for yet, as far as we know.

    By process id: a weak reference to the subprocess.Popen, for its end is part of
    what a script sees, or None for what os.spawn*() and os.posix_spawn() started.
    """

    def __init__(self) -> None:
        self.by_id: Dict[int, Optional[weakref.ref[subprocess.Popen[Any]]]] = {}
        self.signal = signal.SIGTERM

    def living(self) -> Dict[int, Optional[subprocess.Popen[Any]]]:
        """Return those that may be alive, or wait to be reaped."""
        found: Dict[int, Optional[subprocess.Popen[Any]]] = {}
        for pid, reference in list(self.by_id.items()):
            popen = None if reference is None else reference()
            # A Popen that is gone was reaped: otherwise, subprocess keeps it.
            if reference is None or (popen is not None and popen.returncode is None):
                found[pid] = popen
            else:
                self.by_id.pop(pid, None)
        return found


# What outlived its run: Popen objects, and process ids of others.
_orphans: List[subprocess.Popen[Any]] = []
_orphan_ids: List[int] = []


def _abandon(run: RunContext, children: Children) -> None:
    for pid, popen in children.living().items():
        if popen is None:
            _orphan_ids.append(pid)
            continue
        _orphans.append(popen)
        for pipe in (popen.stdin, popen.stdout, popen.stderr):
            with suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


children_of: PerRun[Children] = PerRun(lambda run: Children(), _abandon)


def terminate(run: RunContext) -> None:
    """Ask the run's children to end, the second time with SIGKILL.

    Those in a session of their own are meant to outlive it, and are left alone.
    """
    children = children_of.find(run)
    if children is None:
        return
    number, children.signal = children.signal, signal.SIGKILL
    for pid in children.living():
        with suppress(OSError):  # it has just ended
            if os.getsid(pid) == os.getsid(0):
                _kill(pid, number)


def reap() -> int:
    """Take note of children that have outlived their run and ended since.

    Returns how many are left.  Call it every now and then, so that no zombies stay.
    """
    subprocess._cleanup()  # type: ignore[attr-defined]
    for popen in list(_orphans):
        if popen.poll() is not None:
            _orphans.remove(popen)
    for pid in list(_orphan_ids):
        if _has_ended(pid):
            _orphan_ids.remove(pid)
    # What scripts have dropped is kept here, by its own __del__().
    dropped: List[object] = subprocess._active or []  # type: ignore[attr-defined]
    left = {id(popen) for popen in (*_orphans, *dropped)}
    return len(left) + len(_orphan_ids)


def _has_ended(pid: int) -> bool:
    try:
        return _waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


# Starting them: what follows stands in for subprocess' and os' own.


# Any: a number, a file object, or None.
def _get_handles_in_run(
    popen: subprocess.Popen[Any], stdin: Any, stdout: Any, stderr: Any
) -> Any:
    run = current.get()
    if run is None:
        return _get_handles(popen, stdin, stdout, stderr)
    wanted = [
        _inherit(run, number, target)
        for number, target in enumerate((stdin, stdout, stderr))
    ]
    return _get_handles(popen, *wanted)


def _inherit(run: RunContext, number: int, target: Any) -> Any:
    """Return the run's descriptor for what a child inherits from it."""
    if target is None:
        return streams_of(run)[number].for_child()
    if isinstance(target, int) and 0 <= target <= 2:
        return streams_of(run)[target].for_child()
    return target


# Any: the arguments differ from version to version; these come first in all.
def _execute_child_in_run(
    popen: subprocess.Popen[Any],
    args: Any,
    executable: Any,
    preexec_fn: Any,
    close_fds: Any,
    pass_fds: Any,
    cwd: Any,
    env: Any,
    *others: Any,
) -> None:
    run = current.get()
    if run is None:
        _execute_child(
            popen, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *others
        )
        return
    before = preexec_fn
    if preexec_fn is not None:
        # It is called in the child, where everything is real.
        before = _Outside(preexec_fn)
    environment = for_child(run) if env is None else env
    token = _is_in_popen.set(True)
    try:
        _execute_child(
            *(popen, args, executable, before, close_fds, pass_fds, cwd, environment),
            *others,
        )
    finally:
        _is_in_popen.reset(token)
    children_of.of(run).by_id[popen.pid] = weakref.ref(popen)


class _Outside:
    """Calls a function outside of the run."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __call__(self) -> None:
        Context().run(self._function)


# Any: whatever fork_exec takes in this version.
def _fork_exec_in_run(*arguments: Any) -> Any:
    if current.get() is not None and not _is_in_popen.get():
        raise ProcessNeededError(
            "multiprocessing needs a process of its own, but this script runs in a"
            " thread of the server (runner: thread); it needs runner: process"
        )
    return _fork_exec(*arguments)


# Any: text, bytes, or a path.
def _system_in_run(command: Any) -> int:
    run = current.get()
    if run is None:
        return _system(command)
    shell = [b"/bin/sh", b"-c", os.fsencode(command)]
    # As system() does it: SIGPIPE stays ignored, and nothing is closed.
    code = _Popen(shell, close_fds=False, restore_signals=False).wait()
    return -code if code < 0 else code << 8


# Any: as os._spawnvef.
def _spawnvef_in_run(mode: int, file: Any, args: Any, env: Any, func: Any) -> int:
    run = current.get()
    if run is None:
        return int(_spawnvef(mode, file, args, env, func))
    if not isinstance(args, (tuple, list)):
        raise TypeError("argv must be a tuple or a list")
    if not args or not args[0]:
        raise ValueError("argv first element cannot be empty")
    spawn = posix_spawnp if func in (os.execvp, os.execvpe) else posix_spawn
    environment = for_child(run) if env is None else env
    try:
        pid = spawn(file, args, environment)
    except OSError:
        # The child's exit code where an exec fails.
        pid = posix_spawn("/bin/sh", ["sh", "-c", "exit 127"], {})
    if mode == os.P_NOWAIT:
        return pid
    status = _waitpid(pid, 0)[1]
    children_of.of(run).by_id.pop(pid, None)
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


# Any: as os.posix_spawn.
def _spawning(original: Callable[..., int]) -> Callable[..., int]:
    def spawn(path: Any, argv: Any, env: Any, **options: Any) -> int:
        run = current.get()
        if run is None or _is_in_popen.get():
            return original(path, argv, env, **options)
        inherited = [
            (os.POSIX_SPAWN_DUP2, stream.for_child(), stream.number)
            for stream in streams_of(run)
        ]
        actions = [*inherited, *(options.pop("file_actions", None) or ())]
        environment = for_child(run) if env is None else env
        pid = original(path, argv, environment, file_actions=actions, **options)
        children_of.of(run).by_id[pid] = None
        return pid

    spawn.__name__ = spawn.__qualname__ = original.__name__
    return spawn


posix_spawn = _spawning(_posix_spawn)
posix_spawnp = _spawning(_posix_spawnp)


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(_Popen, "_get_handles", _get_handles_in_run, undo)
    replace(_Popen, "_execute_child", _execute_child_in_run, undo)
    replace(_posixsubprocess, "fork_exec", _fork_exec_in_run, undo)
    replace(os, "_spawnvef", _spawnvef_in_run, undo)
    stand_ins: Dict[str, Callable[..., Any]] = {
        "system": _system_in_run,
        "posix_spawn": posix_spawn,
        "posix_spawnp": posix_spawnp,
    }
    for name, stand_in in stand_ins.items():
        for module in (os, sys.modules["posix"]):
            replace(module, name, stand_in, undo)
    return undoing(undo)
