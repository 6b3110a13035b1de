"""Which runner a script needs, and why: what it, and its local modules, may do.

Whatever is written there counts, also in functions that are never called.  In doubt it
is a process.  Must not import or run anything of a script's.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Tuple

from httpout_cgi.interpreter import local_files
from httpout_cgi.interpreter.classify_case import Case, Verdict
from httpout_cgi.interpreter.classify_source import (
    LONGEST,
    Source,
    read_source,
)
from httpout_cgi.interpreter.file_state import look
from httpout_cgi.interpreter.source import Signature, sign

# The same bounds as for code: see code_cache.py.
_SETTLED_NS = 50_000_000
_LIMIT = 4096

# Variables of a mount that matter here.
VARIABLES = frozenset(("PYTHONPATH", "TZ", "LANG"))


class _Entry(NamedTuple):
    verdict: Verdict
    # Files that were read, but for the script; what was looked for in folders.
    files: Tuple[Tuple[str, Optional[Signature]], ...]
    folders: Tuple[Tuple[str, Dict[str, int], Optional[local_files.Names]], ...]
    signature: Signature
    is_settled: bool


class Classifier:
    """Keeps verdicts, by script; any thread may use it."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._entries: Dict[Tuple[str, object], _Entry] = {}
        self._sources: Dict[Tuple[str, str, bool], Tuple[Signature, Source]] = {}
        # Lets only one thread read sources.
        self._lock = threading.Lock()

    def find(
        self,
        path: str,
        stat: os.stat_result,
        environment: Optional[Mapping[str, str]] = None,
    ) -> Optional[Verdict]:
        """Return what is known of a script, None if nothing is, or not any more.

        Looks at each of its local modules and their folders, as file_state does it.
        """
        entry = self._entries.get((path, _key(environment)))
        if entry is None or not entry.is_settled or entry.signature != sign(stat):
            return None
        for file, signature in entry.files:
            if _look(file) != signature:
                return None
        for folder, asked, seen in entry.folders:
            names = local_files.list_names(folder)
            if names is not seen and _look_up(names, asked) != asked:
                return None
        return entry.verdict

    def judge(
        self, path: str, environment: Optional[Mapping[str, str]] = None
    ) -> Verdict:
        """Return the verdict for a script, reading what has to be read."""
        with self._lock:
            try:
                known = self.find(path, os.stat(path), environment)
            except OSError:
                known = None
            return known or self._judge_anew(path, environment or {})

    def _judge_anew(self, path: str, environment: Mapping[str, str]) -> Verdict:
        now = self._clock_ns()
        case = Case(path, environment, self._read)
        verdict = case.judge()
        signature = case.signatures.pop(path, None)
        if signature is not None:
            times = [
                max(one[3:]) for one in (*case.signatures.values(), signature) if one
            ]
            entry = _Entry(
                verdict,
                tuple(case.signatures.items()),
                tuple(
                    (folder, asked, local_files.list_names(folder))
                    for folder, asked in case.folders.asked.items()
                ),
                signature,
                now - max(times) > _SETTLED_NS,
            )
            while len(self._entries) >= _LIMIT:
                del self._entries[next(iter(self._entries))]
            self._entries[path, _key(environment)] = entry
        return verdict

    def _read(self, path: str, package: str, is_main: bool) -> Tuple[Signature, Source]:
        """Return what is in a source file; raises OSError."""
        key = path, package, is_main
        with open(path, "rb") as file:
            signature = sign(os.fstat(file.fileno()))
            known = self._sources.get(key)
            if known is not None and known[0] == signature:
                return known
            text = file.read(LONGEST + 1)
        found = signature, read_source(text, path, package, is_main)
        if self._clock_ns() - max(signature[3:]) > _SETTLED_NS:
            while len(self._sources) >= _LIMIT:
                del self._sources[next(iter(self._sources))]
            self._sources[key] = found
        return found


def _key(environment: Optional[Mapping[str, str]]) -> object:
    if not environment:
        return ()
    return tuple(
        (name, value)
        for name, value in sorted(environment.items())
        if name in VARIABLES or name.startswith("LC_")
    )


def _look(path: str) -> Optional[Signature]:
    try:
        return look(path)
    except OSError:
        return None


def _look_up(
    names: Optional[local_files.Names], asked: Mapping[str, int]
) -> Dict[str, int]:
    return {name: (names or {}).get(name, 0) for name in asked}
