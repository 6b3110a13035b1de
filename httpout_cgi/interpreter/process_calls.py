"""Calls that need a process of their own: which, and why.

The one list of them: refusals.py makes them errors in threads, and whoever chooses a
runner looks for them in scripts.  Pure: must not import what it names.
"""

from __future__ import annotations

import sys
from typing import Dict, List, Tuple

# Why, the module, and names in it.
_TABLE: List[Tuple[str, str, str]] = [
    ("a copy of the server would go on with all its connections", "os", "fork forkpty"),
    ("a copy of the server would go on with all its connections", "pty", "fork spawn"),
    (
        "another program would take the place of the server",
        "os",
        "execl execle execlp execlpe execv execve execvp execvpe",
    ),
    (
        "the server's user and groups are those of all scripts",
        "os",
        "setuid seteuid setreuid setresuid setgid setegid setregid setresgid"
        " setgroups initgroups",
    ),
    (
        "it stays with a thread that other scripts will run in",
        "os",
        "chroot nice setpriority sched_setaffinity sched_setparam"
        " sched_setscheduler unshare setns",
    ),
    ("the session is the server's", "os", "setsid setpgid setpgrp login_tty"),
    ("it stays registered for good", "os", "register_at_fork"),
    ("limits hold for all scripts", "resource", "setrlimit prlimit"),
    ("the locale is that of all scripts", "locale", "setlocale resetlocale"),
    (
        "catalogs of messages are those of all scripts",
        "locale",
        "bindtextdomain textdomain bind_textdomain_codeset",
    ),
    (
        "catalogs of messages are those of all scripts",
        "gettext",
        "bindtextdomain textdomain bind_textdomain_codeset",
    ),
    ("the time zone is that of all scripts", "time", "tzset"),
    ("it holds for the sockets of all scripts", "socket", "setdefaulttimeout"),
    (
        "all scripts would use it, with its cookies and passwords",
        "urllib.request",
        "install_opener",
    ),
    (
        "csv has one limit and one list of dialects for all scripts",
        "csv",
        "field_size_limit register_dialect unregister_dialect",
    ),
    (
        "codecs and error handlers are those of all scripts",
        "codecs",
        "register register_error unregister",
    ),
    ("types are those of all scripts", "mimetypes", "init add_type"),
    ("it holds for the threads of all scripts", "threading", "stack_size"),
    (
        "it holds for all scripts",
        "sys",
        "setswitchinterval set_int_max_str_digits setdlopenflags"
        " activate_stack_trampoline deactivate_stack_trampoline",
    ),
    ("it can never be taken back", "sys", "addaudithook"),
    (
        "there is one for all scripts",
        "faulthandler",
        "enable disable register unregister dump_traceback_later",
    ),
    (
        "it starts other processes as copies of the server",
        "multiprocessing.process",
        "BaseProcess.start",
    ),
    (
        "it starts other processes as copies of the server",
        "multiprocessing.managers",
        "BaseManager.start",
    ),
    (
        "it starts other processes as copies of the server",
        "concurrent.futures.process",
        "ProcessPoolExecutor.__init__",
    ),
    (
        "it starts a process that lives as long as the server",
        "multiprocessing.resource_tracker",
        "ResourceTracker.ensure_running",
    ),
    (
        "it starts a process that lives as long as the server",
        "multiprocessing.forkserver",
        "ForkServer.ensure_running",
    ),
    (
        "signals are the server's",
        "signal",
        "pthread_sigmask sigpending sigwait sigwaitinfo sigtimedwait",
    ),
    ("other scripts share what it patches", "unittest.mock", "_patch.__enter__"),
    ("figures are those of all scripts", "matplotlib", "use"),
    ("figures are those of all scripts", "matplotlib.pyplot", "figure switch_backend"),
    ("random numbers are those of all scripts", "numpy.random", "seed set_state"),
]
if sys.platform != "linux":
    # There, locks belong to open files: see file_locks.py.
    _TABLE += [("locks are the server's, not the script's", "fcntl", "lockf")]
    _TABLE += [("locks are the server's, not the script's", "os", "lockf")]

# What others of this package refuse, for they know when; the list names it as well.
_REFUSED_ELSEWHERE: List[Tuple[str, str, str]] = [
    ("it closes files of other scripts", "os", "closerange"),
    (
        "it reaches the threads of all scripts",
        "threading",
        "settrace_all_threads setprofile_all_threads",
    ),
]

# How scripts call what is refused further down.
_OTHER_NAMES: Dict[str, str] = {
    "multiprocessing.Process": "multiprocessing.process.BaseProcess.start",
    "multiprocessing.Pool": "multiprocessing.process.BaseProcess.start",
    "multiprocessing.Manager": "multiprocessing.managers.BaseManager.start",
    "multiprocessing.shared_memory.SharedMemory": (
        "multiprocessing.resource_tracker.ResourceTracker.ensure_running"
    ),
    "concurrent.futures.ProcessPoolExecutor": (
        "concurrent.futures.process.ProcessPoolExecutor.__init__"
    ),
    **{
        f"matplotlib.pyplot.{name}": "matplotlib.pyplot.figure"
        for name in ("plot", "subplots", "subplot", "savefig", "hist", "bar", "show")
    },
}


def _name_calls(table: List[Tuple[str, str, str]]) -> Dict[str, str]:
    return {
        f"{module}.{name}": why
        for why, module, names in table
        for name in names.split()
    }


# By the module that has them: the names of what a thread refuses.
GUARDED: Dict[str, List[str]] = {}
for _why, _module, _names in _TABLE:
    GUARDED.setdefault(_module, []).extend(_names.split())

# By their full names: why they need a process.
PROCESS_CALLS: Dict[str, str] = _name_calls(_TABLE + _REFUSED_ELSEWHERE)
PROCESS_CALLS.update(
    {other: PROCESS_CALLS[name] for other, name in _OTHER_NAMES.items()}
)
