"""What a pool has imported before it forks for the first time.

Standard library only.
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Sequence

from httpout_cgi.processes.pool_heap import fill_holes

# What scripts import most.
_FIRST = (
    *("datetime", "html", "json", "os", "re", "time", "traceback", "urllib.parse"),
)
# What a pool imports as soon as a script has: a fork copies the list of all pages, so
# that what nobody uses costs each run.  Not what keeps a part of its process at import:
# multiprocessing the working directory, wsgiref.handlers the environment.
_LATER = frozenset(
    (
        *("argparse", "ast", "asyncio", "base64", "bisect", "calendar", "cgi", "cgitb"),
        *("collections.abc", "concurrent.futures", "configparser", "copy", "csv"),
        *("ctypes", "dataclasses", "decimal", "difflib", "email", "email.header"),
        *("email.message", "email.mime.base", "email.mime.image"),
        *("email.mime.multipart", "email.mime.text", "email.parser", "email.policy"),
        *("email.utils", "encodings.ascii", "encodings.cp1252", "encodings.idna"),
        *("encodings.iso8859_1", "encodings.iso8859_15", "encodings.latin_1"),
        *("fcntl", "fileinput", "fractions", "getopt", "gettext", "glob", "grp"),
        *("gzip", "hashlib", "heapq", "hmac", "html.parser", "http.client"),
        *("http.cookiejar", "http.cookies", "inspect", "io", "ipaddress", "itertools"),
        *("locale", "logging", "logging.config", "logging.handlers", "mailbox", "math"),
        *("mimetypes", "mmap", "numbers", "operator", "optparse", "pathlib"),
        *("pickle", "platform", "plistlib", "pprint", "pwd", "pydoc", "queue"),
        *("quopri", "random", "sched", "secrets", "select", "shelve", "shlex"),
        *("shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "stat"),
        *("statistics", "string", "struct", "subprocess", "tarfile", "tempfile"),
        *(
            "textwrap",
            "threading",
            "types",
            "typing",
            "unicodedata",
            "unittest",
            "urllib.error",
        ),
        *("urllib.request", "urllib.robotparser", "uuid", "warnings", "weakref"),
        *("wsgiref.headers", "wsgiref.util", "xml.dom.minidom", "xml.sax"),
        *("xml.etree.ElementTree", "xmlrpc.client", "zipfile", "zlib", "zoneinfo"),
        # Of ours, for pages.
        "httpout_cgi.interpreter.page_process",
    )
)


def warm_up(names: Sequence[str]) -> list[str]:
    """Import what scripts need most, and ``names``; return what is wrong with these."""
    for name in _FIRST:
        _try_import(name)
    failures = [(name, _try_import(name)) for name in names]
    settle()
    return [f"preload: {name}: {reason}" for name, reason in failures if reason]


def learn(names: Sequence[str]) -> bool:
    """Import what a script has imported, if it is known to leave a process alone.

    Tells whether there was anything: what was forked before shares less with us.
    """
    new = [name for name in names if name in _LATER and name not in sys.modules]
    for name in new:
        _try_import(name)
    if new:
        settle()
    return bool(new)


def settle() -> None:
    """Let children share the heap with us as long as nobody writes to it."""
    gc.collect()
    fill_holes()
    gc.freeze()


def _try_import(name: str) -> str:
    """Import a module; return why that failed, if it did."""
    try:
        importlib.import_module(name)
    except Exception as exc:  # a module may fail in any way
        return f"{type(exc).__name__}: {exc}"
    return ""
