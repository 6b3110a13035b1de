"""Compiled code by path, checked by a look at the file at every use.

The stat is the truth: device, inode, size, mtime and ctime in nanoseconds.  Nothing
is written to disk: CPython's .pyc files compare whole seconds.
"""

from __future__ import annotations

import os
import threading
import time
from contextvars import Context
from functools import partial
from types import CodeType
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from httpout_cgi.interpreter import shebang
from httpout_cgi.interpreter.file_state import look
from httpout_cgi.interpreter.source import Signature, find_flaw, first_line, sign

# File times come from a clock that ticks every 1 to 10 ms: a file read this soon
# after it was written may change again and keep its size and times.
_SETTLED_NS = 50_000_000

# What a source may say to change the builtins that its run sees: gettext.install()
# adds "_" to them.
_BUILTINS_WORDS = (b"builtins", b"gettext")

# What a SyntaxError knows; not all of it is always in its arguments.
_PLACE = (
    *("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset"),
    "print_file_and_line",
)

# A path, for most; or the path, whether as a module, and the level of optimization.
_Key = Union[str, Tuple[str, bool, int]]


class Compiled(NamedTuple):
    """``changes_builtins`` is a guess, on the safe side.

    ``options`` are those of the shebang, None if it has none.
    """

    code: CodeType
    changes_builtins: bool
    options: Optional[shebang.Options] = None


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
        self._entries: Dict[_Key, _Entry] = {}
        # Guards changes of _entries, and lets only one thread compile a file.
        self._lock = threading.Lock()

    def load(
        self, path: str, stat: Optional[os.stat_result] = None, level: int = 0
    ) -> Compiled:
        """Return the code of a script as it is now.

        ``stat`` is what the caller saw there a moment ago; ``level`` is how much to
        optimize (``python -O``).  Raises OSError if the file cannot be read,
        SyntaxError or ValueError if it cannot be compiled; the latter two are
        remembered until the file changes.
        """
        key: _Key = (path, False, level) if level else path
        entry = self._entries.get(key)
        if entry is None or entry.source is not None:
            return self._load_anew(key)
        if (look(path) if stat is None else sign(stat)) != entry.signature:
            return self._load_anew(key)
        return _code_of(entry)

    def load_module(self, path: str, level: int = 0) -> Compiled:
        """Return the code of a file that is imported; as ``load``.

        CPython does not look at a module's shebang, and minds its encoding less.
        """
        key = (path, True, level)
        entry = self._entries.get(key)
        if entry is None or entry.source is not None:
            return self._load_anew(key)
        if look(path) != entry.signature:
            return self._load_anew(key)
        return _code_of(entry)

    def forget(self, path: str) -> None:
        """Drop what is known of the file."""
        with self._lock:
            for key in _keys_of(path):
                self._entries.pop(key, None)

    def refresh(self, path: str) -> None:
        """Compile the file again if it was in use; it may be gone or broken."""
        for key in _keys_of(path):
            if key not in self._entries:
                continue
            try:
                self._load_anew(key)
            except OSError:
                self.forget(path)
            except (SyntaxError, ValueError):
                # Kept in the cache: whoever loads it is told.
                continue

    def _load_anew(self, key: _Key) -> Compiled:
        with self._lock:
            known = self._entries.get(key)
            now = self._clock_ns()
            signature, source = _read(key if isinstance(key, str) else key[0])
            is_settled = now - max(signature[3], signature[4]) > _SETTLED_NS
            if (
                known is not None
                and known.signature == signature
                and (known.source is None or known.source == source)
            ):
                outcome = known.outcome
            else:
                outcome = _compile(source, key)
            entry = _Entry(signature, outcome, None if is_settled else source)
            self._entries.pop(key, None)
            self._entries[key] = entry
            while len(self._entries) > self._limit:
                del self._entries[next(iter(self._entries))]
        return _code_of(entry)


def _keys_of(path: str) -> List[_Key]:
    """Return all keys that a file may have."""
    return [
        path,
        *((path, False, level) for level in (1, 2)),
        *((path, True, level) for level in (0, 1, 2)),
    ]


def _read(path: str) -> Tuple[Signature, bytes]:
    """Return the file's content, and what stat said before it was read."""
    with open(path, "rb") as file:
        signature = sign(os.fstat(file.fileno()))
        return signature, file.read()


def _compile(source: bytes, key: _Key) -> Union[Compiled, SyntaxError, ValueError]:
    path, is_module, level = (key, False, 0) if isinstance(key, str) else key
    flaw = None if is_module else find_flaw(source, path)
    if flaw is not None:
        return flaw
    make = partial(compile, source, path, "exec", dont_inherit=True, optimize=level)
    try:
        try:
            code = make()
        except SyntaxError:
            # Perhaps by a filter for warnings, of the run that came first.
            code = Context().run(make)
    except (SyntaxError, ValueError) as exc:
        # Without these it holds no frames of the run that came first.
        exc.__context__ = None
        return exc.with_traceback(None)
    options = None if is_module else shebang.parse(first_line(source))
    changes_builtins = any(word in source for word in _BUILTINS_WORDS)
    return Compiled(code, changes_builtins, options)


def _code_of(entry: _Entry) -> Compiled:
    outcome = entry.outcome
    if isinstance(outcome, Compiled):
        return outcome
    # A copy: raising adds to an exception, and other threads raise it as well.
    error = type(outcome)(*outcome.args)
    for name in _PLACE:
        if hasattr(outcome, name):
            setattr(error, name, getattr(outcome, name))
    raise error
