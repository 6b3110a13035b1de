"""Pages in processes whose ``__globals__.py`` wants ``app``, which only a worker has.

Such pages do not run, so that nobody gets around their middleware.  What lies beside
them is sent by the worker, which does not run that file: it reads it.
"""

import os
import re
import time
from collections.abc import Callable
from stat import S_ISREG

from httpout_cgi.interpreter.page_globals import FILE

# As long as the other __globals__.py may be an old one.
_BELIEVED_SECONDS = 0.5
_MOST_KNOWN = 1024
# An account's may be anything: a pipe, say, or larger than all memory.
_MOST_READ = 1 << 16

_drop_noise = re.compile(rb"#[^\n]*|\\\r?\n").sub
_find_import = re.compile(rb"\bfrom\s+httpout\s+import\s*(?:\([^)]*|[^\n]*)").findall
_find_app = re.compile(rb"\bapp\b").search
# The bound is against a long line of nothing but imports.
_find_module = re.compile(rb"\bimport\s[^\n]{0,200}?\bhttpout\b").search
_find_attribute = re.compile(rb"\.\s*app\b").search


class UnaskedApps:
    """Tells of which folders nothing may be sent.  Only the loop's thread uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, str]] = {}

    def find_reason(self, folder: str) -> str:
        """Return why what lies in a folder of pages is not sent; "" if it is."""
        now = self._clock()
        until, reason = self._known.get(folder, (now, ""))
        if now >= until:
            path = f"{folder}/{FILE}"
            reason = ""
            if _names_app(_read(path)):
                reason = f'{path} wants app, which there is with "runner: thread" alone'
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[folder] = now + _BELIEVED_SECONDS, reason
        return reason


def _names_app(source: bytes) -> bool:
    """Tell whether a file imports ``app`` from httpout, in any of the usual ways.

    Whoever hides it better sees that none of the pages runs.
    """
    source = _drop_noise(b" ", source)
    if any(_find_app(names) for names in _find_import(source)):
        return True
    return bool(_find_module(source) and _find_attribute(source))


def _read(path: str) -> bytes:
    """Return what can be read of a file; nothing of one that is closed to workers.

    Its pages say what is wrong in any case.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        is_file = S_ISREG(os.fstat(opened).st_mode)
        return os.read(opened, _MOST_READ) if is_file else b""
    finally:
        os.close(opened)
