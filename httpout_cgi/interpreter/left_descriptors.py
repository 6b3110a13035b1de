"""Descriptors that a script has opened by number, and never closes: they end with it.

Only what is certain is closed.  A number may have been closed in a way that nobody
sees, and be another's now: so what is behind it is marked, and looked at again.
"""

from __future__ import annotations

import fcntl
import gc
import io
import os
import stat
import sys
from contextlib import suppress
from functools import wraps
from itertools import chain, compress, filterfalse, repeat
from operator import is_
from types import FrameType, ModuleType
from typing import Any, Callable, Dict, Iterator, List, Sequence, Set, Tuple

from httpout_cgi.interpreter.guarded_modules import is_of_script
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current_for_changes,
    replace,
)

_close, _fstat, _fcntl = os.close, os.fstat, fcntl.fcntl
_get_objects = gc.get_objects
_FileIO = io.FileIO

# The run that was given a number last: who gets it has it for himself.
_latest: Dict[int, RunContext] = {}
_left: PerRun[Dict[int, Tuple[int, int]]] = PerRun(lambda run: {})


def note(number: int) -> None:
    """Note that the script has been given a new descriptor."""
    run = current_for_changes()
    if run is None:
        return
    with suppress(OSError):  # some cannot be marked: they are left alone
        seen = _fstat(number)
        if not stat.S_ISSOCK(seen.st_mode):  # it may become that of a socket object
            # Tells who gets SIGIO, should it be asked for; a new one has nobody.
            _fcntl(number, fcntl.F_SETOWN, os.getpid())
            _latest[number] = run
            _left.of(run)[number] = (seen.st_dev, seen.st_ino)


def forget(number: int) -> None:
    """Note that a number has been closed, or that a file object will close it."""
    run = _latest.pop(number, None) if _latest else None
    if run is not None:
        _left.of(run).pop(number, None)


def close_left(run: RunContext) -> None:
    """Close what the run has left open; none of its threads is alive."""
    # A copy: who gets a number that was closed unseen takes it out of the run's.
    left = list(_left.find(run) or ())
    numbers = {number for number in left if _is_left(run, number)}
    if numbers:
        numbers -= _numbers_of_files()
    for number in left:
        if _latest.get(number) is run:
            del _latest[number]
            if number in numbers:
                _close(number)


def _is_left(run: RunContext, number: int) -> bool:
    if _latest.get(number) is not run:
        return False
    try:
        seen = _fstat(number)
        is_marked = _fcntl(number, fcntl.F_GETOWN) == os.getpid()
    except OSError:
        return False
    return is_marked and (seen.st_dev, seen.st_ino) == _left.of(run).get(number)


def _numbers_of_files() -> Set[int]:
    """Return what file objects are going to close, wherever they were made."""
    kinds: List[type] = [_FileIO, *_FileIO.__subclasses__()]
    numbers = [set(map(_FileIO.fileno, _find_open(kind))) for kind in kinds]
    return set().union(*numbers)


# All objects are in a list for a moment.  What becomes of these iterators is one call
# of C code: no other thread may drop a file meanwhile, for it would stay open.  Nor
# may tee() be here: it is in that list, and so would hold all of it, and itself; nor
# id(): it calls audit hooks.
def _find_open(kind: type) -> Iterator[_FileIO]:
    found: Any = filterfalse(_FileIO.closed.__get__, _find_instances(kind))
    return filter(_FileIO.closefd.__get__, found)


def _find_instances(kind: type) -> Iterator[object]:
    objects = chain.from_iterable(map(_get_objects, (None,)))
    twice = chain.from_iterable(map(repeat, objects, repeat(2)))
    return compress(twice, map(is_, map(type, twice), repeat(kind)))


# Any, from here on: what the originals take and return.
def noting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what returns a new descriptor, or several of them."""

    @wraps(original)
    def call(*arguments: Any, **keywords: Any) -> Any:
        result = original(*arguments, **keywords)
        for number in result if type(result) is tuple else (result,):
            if type(number) is int:  # mkstemp() returns a path as well
                note_for(sys._getframe(1), number)
        return result

    return call


def note_for(caller: FrameType, number: int) -> None:
    """Note a new descriptor, if it is for a script: what libraries open, they keep."""
    if is_of_script(caller):
        note(number)


def replace_noting(
    modules: Sequence[ModuleType], name: str, undo: List[Callable[[], None]]
) -> None:
    """Wrap a function of these modules, if this system has it."""
    original = getattr(modules[0], name, None)
    if original is not None:
        stand_in = noting(original)
        for module in modules:
            replace(module, name, stand_in, undo)
