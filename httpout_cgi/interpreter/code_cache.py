"""Compiled code by path, checked by stat at every use.

The stat is the truth: device, inode, size, mtime and ctime in nanoseconds.  Nothing
is written to disk: CPython's .pyc files compare whole seconds.
"""

from __future__ import annotations

import os
import threading
import time
from types import CodeType
from typing import Callable, Dict, NamedTuple, Optional, Tuple, Union

# File times come from a clock that ticks every 1 to 10 ms: a file read this soon
# after it was written may change again and keep its size and times.
_SETTLED_NS = 50_000_000

# What a source may say to change the builtins that its run sees: gettext.install()
# adds "_" to them.
_BUILTINS_WORDS = (b"builtins", b"gettext")

Signature = Tuple[int, int, int, int, int]


class Compiled(NamedTuple):
    """``changes_builtins`` is a guess, on the safe side."""

    code: CodeType
    changes_builtins: bool


class _Entry(NamedTuple):
    """``source`` is kept until the file's times are old enough to be believed."""

    signature: Signature
    outcome: Union[Compiled, SyntaxError, ValueError]
    source: Optional[bytes]


class CodeCache:
    """Keeps code objects; any thread may use it.

    ``limit`` bounds the number of files; the one loaded first is dropped first.
    """

    def __init__(
        self, limit: int = 4096, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._limit = limit
        self._clock_ns = clock_ns
        self._entries: Dict[str, _Entry] = {}
        # Guards changes of _entries, and lets only one thread compile a file.
        self._lock = threading.Lock()

    def load(self, path: str, stat: Optional[os.stat_result] = None) -> Compiled:
        """Return the code of the file as it is now.

        ``stat`` is what the caller saw there a moment ago.  Raises OSError if the
        file cannot be read, SyntaxError or ValueError if it cannot be compiled; the
        latter two are remembered until the file changes.
        """
        entry = self._entries.get(path)
        if entry is None or entry.source is not None:
            return self._load_anew(path)
        if _signature(os.stat(path) if stat is None else stat) != entry.signature:
            return self._load_anew(path)
        return _code_of(entry)

    def forget(self, path: str) -> None:
        """Drop what is known of the file."""
        with self._lock:
            self._entries.pop(path, None)

    def refresh(self, path: str) -> None:
        """Compile the file again if it was in use; it may be gone or broken."""
        if path not in self._entries:
            return
        try:
            self._load_anew(path)
        except OSError:
            self.forget(path)
        except (SyntaxError, ValueError):
            # Kept in the cache: whoever loads it is told.
            return

    def _load_anew(self, path: str) -> Compiled:
        with self._lock:
            known = self._entries.get(path)
            now = self._clock_ns()
            signature, source = _read(path)
            is_settled = now - max(signature[3], signature[4]) > _SETTLED_NS
            if (
                known is not None
                and known.signature == signature
                and (known.source is None or known.source == source)
            ):
                outcome = known.outcome
            else:
                outcome = _compile(source, path)
            entry = _Entry(signature, outcome, None if is_settled else source)
            self._entries.pop(path, None)
            self._entries[path] = entry
            while len(self._entries) > self._limit:
                del self._entries[next(iter(self._entries))]
        return _code_of(entry)


def _signature(stat: os.stat_result) -> Signature:
    return (
        stat.st_dev,
        stat.st_ino,
        stat.st_size,
        stat.st_mtime_ns,
        stat.st_ctime_ns,
    )


def _read(path: str) -> Tuple[Signature, bytes]:
    """Return the file's content, and what stat said before it was read."""
    with open(path, "rb") as file:
        signature = _signature(os.fstat(file.fileno()))
        return signature, file.read()


def _compile(source: bytes, path: str) -> Union[Compiled, SyntaxError, ValueError]:
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as exc:
        # Without its traceback it holds no frames of the run that came first.
        return exc.with_traceback(None)
    return Compiled(code, any(word in source for word in _BUILTINS_WORDS))


def _code_of(entry: _Entry) -> Compiled:
    outcome = entry.outcome
    if isinstance(outcome, Compiled):
        return outcome
    # A copy: raising adds to an exception, and other threads raise it as well.
    raise type(outcome)(*outcome.args)
