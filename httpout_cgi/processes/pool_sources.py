"""Sources that a pool compiles for its children, before it forks the next one.

Standard library only.
"""

from __future__ import annotations

import os
import stat
import warnings
from typing import Callable, Sequence

from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.main_imports import FoundFolders
from httpout_cgi.interpreter.source import Signature, sign

# Larger sources are compiled in the child.
_LARGEST = 8 << 20


class Sources:
    """Whatever is wrong with one, a child meets it again, and tells."""

    def __init__(self, cache: CodeCache) -> None:
        self._cache = cache
        self._folders = FoundFolders()
        # Scripts that warn when they are compiled, and what stat said of them.
        self._warned: dict[str, Signature] = {}

    def load_script(self, path: str) -> bool:
        """Compile a script; tell whether that went well."""
        self._folders.add(os.path.dirname(path))
        return self._load(path, self._cache.load)

    def load_modules(self, paths: Sequence[str]) -> None:
        """Compile local modules."""
        for folder in {os.path.dirname(path) for path in paths}:
            self._folders.add(folder)
        for path in paths:
            self._load(path, self._cache.load_module)

    def _load(self, path: str, load: Callable[[str], object]) -> bool:
        try:
            status = os.stat(path)
            seen = sign(status)
            # Nothing that keeps us waiting.
            is_file = stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST
            if not is_file or self._warned.get(path) == seen:
                return False
            with warnings.catch_warnings(record=True) as told:
                load(path)
            if told and load == self._cache.load:
                # CPython says it each time that it compiles a script: children do.
                self._cache.forget(path)
                self._warned[path] = seen
        except Exception:  # whatever is wrong with a source
            return False
        return True
