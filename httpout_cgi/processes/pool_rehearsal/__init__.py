"""A rehearsal: a pool does what its children will do, some times, before it forks any.

CPython 3.11 and newer adapt code, where it is in memory, to what it meets; and caches
are filled where they are.  Each page that this changes would be copied in each child:
a hundred fewer are, a fifth of a run's cost.  A child that waits for its run may do it
once more: then it has copied what it will write to.  Standard library only.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import Any, Iterator

from httpout_cgi.interpreter import main_end
from httpout_cgi.processes.pool_child import Preparation, perform
from httpout_cgi.processes.pool_run import Run
from httpout_cgi.processes.pool_spare import Spare

# CPython adapts what has run eight times, and needs some more for the rest.
_TIMES = 20

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_SCRIPT = os.path.join(_FOLDER, "script.py")
# About what a request brings.
_VARIABLES = {
    "QUERY_STRING": "name=value&other=text",
    "REQUEST_METHOD": "GET",
    **{f"HTTP_X_REHEARSAL_{number}": f"value {number}" for number in range(6)},
}


def rehearse(preparation: Preparation, times: int = _TIMES) -> int:
    """Do a run some times; return the exit code of the last.

    Nothing of it is seen, and the process is as before.
    """
    variables = {**os.environ, **_VARIABLES}
    if preparation.zone is not None:
        variables["TZ"] = preparation.zone
    code = 0
    with _putting_back(), preparation.without_limits():
        for _ in range(times):
            code = _perform(Run(_SCRIPT, variables, 0, is_python=True), preparation)
    preparation.script.forget()
    return code


def _perform(run: Run, preparation: Preparation) -> int:
    spare = Spare()
    try:
        given = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
        spare.hand(run, given)
        for number in given:
            os.close(number)
        received = spare.receive()
        assert received is not None
        return perform(*received, preparation, spare.notes)
    finally:
        spare.close()


# Any: what waits for coroutines.
def _end_nothing(join: Any) -> None:
    """Stand in for the end of threads and the exit callbacks."""


@contextmanager
def _putting_back() -> Iterator[None]:
    """Undo what a run does to its process."""
    kept = [(number, os.dup(number)) for number in range(3)]
    folder, main = os.getcwd(), sys.modules["__main__"]
    path, words, variables = [*sys.path], [*sys.argv], {*os.environ}
    # Python 3.10
    all_words = [*getattr(sys, "orig_argv", ())]
    # What the pool has begun is not the run's to end: exit callbacks of modules that
    # were preloaded, and threading itself, which would take no more of them.
    end_threads, main_end.end_threads = main_end.end_threads, _end_nothing
    try:
        yield
    finally:
        main_end.end_threads = end_threads
        for number, other in kept:
            os.dup2(other, number)
            os.close(other)
        os.chdir(folder)
        sys.modules["__main__"] = main
        sys.path[:], sys.argv[:] = path, words
        if all_words:
            sys.orig_argv[:] = all_words
        for name in os.environ.keys() - variables:
            del os.environ[name]
        sys.path_importer_cache.pop(_FOLDER, None)
