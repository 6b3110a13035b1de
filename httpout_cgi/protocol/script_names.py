"""Script names: which files of a script mount run.

Pure, standard library only: a pool may run under another Python.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate


def make_matcher(
    patterns: Sequence[str], suffixes: Iterable[str]
) -> Callable[[str, os.stat_result], bool]:
    """Build the test of a file's name and state; "*" is every executable file.

    What ends with a suffix that has an interpreter runs in any case: its source is
    never sent instead.
    """
    names = [translate(pattern) for pattern in patterns if pattern != "*"]
    names += [rf"(?s:.*){re.escape(suffix)}\Z" for suffix in suffixes]
    match_name = re.compile("|".join(names) or r"(?!)").match
    executable = 0o111 if "*" in patterns else 0

    def runs(name: str, seen: os.stat_result) -> bool:
        return match_name(name) is not None or bool(seen.st_mode & executable)

    return runs
