"""What a pool has imported before it forks for the first time.

Standard library only.
"""

from __future__ import annotations

import gc
import importlib
from typing import Sequence

from httpout_cgi.processes import pool_memory

# What most scripts import.  Not what keeps a part of its process at import:
# multiprocessing the working directory, wsgiref.handlers the environment.
_COMMON = (
    *("argparse", "base64", "bisect", "calendar", "cgi", "cgitb", "collections.abc"),
    *("configparser", "contextlib", "copy", "csv", "dataclasses", "datetime"),
    *("decimal", "email.message", "email.mime.multipart", "email.mime.text"),
    *("email.utils", "encodings.idna", "encodings.latin_1", "enum", "fcntl"),
    *("functools", "getopt", "glob", "gzip", "hashlib", "heapq", "hmac", "html"),
    *("html.parser", "http.client", "http.cookies", "inspect", "itertools", "json"),
    *("locale", "logging", "math", "mimetypes", "operator", "pathlib", "pickle"),
    *("platform", "pprint", "queue", "random", "re", "secrets", "shelve", "shlex"),
    *("shutil", "smtplib", "socket", "sqlite3", "ssl", "stat", "string", "struct"),
    *("subprocess", "tempfile", "textwrap", "threading", "time", "traceback", "types"),
    *("typing", "unicodedata", "urllib.parse", "urllib.request", "uuid", "warnings"),
    *("wsgiref.headers", "wsgiref.util", "xml.dom.minidom", "xml.etree.ElementTree"),
    *("zipfile", "zlib"),
)


def warm_up(names: Sequence[str]) -> list[str]:
    """Import what most scripts need, and ``names``; return what is wrong with these."""
    for name in _COMMON:
        _try_import(name)
    failures = [(name, _try_import(name)) for name in names]
    # Children share the heap with us as long as nobody writes to it.
    gc.collect()
    gc.freeze()
    pool_memory.collapse()
    return [f"preload: {name}: {reason}" for name, reason in failures if reason]


def _try_import(name: str) -> str:
    """Import a module; return why that failed, if it did."""
    try:
        importlib.import_module(name)
    except Exception as exc:  # a module may fail in any way
        return f"{type(exc).__name__}: {exc}"
    return ""
