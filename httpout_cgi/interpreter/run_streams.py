"""The standard streams of a run: which of them a number means, and their end."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

from httpout_cgi.interpreter import left_descriptors, lifetime
from httpout_cgi.interpreter.run_context import RunContext, current
from httpout_cgi.interpreter.standard_stream import StandardStream

_NAMES = ("raw_input", "raw_output", "raw_error")


def streams_of(
    run: RunContext,
) -> Tuple[StandardStream, StandardStream, StandardStream]:
    """Return the streams that are descriptors 0, 1 and 2 of a run."""
    return run.raw_input, run.raw_output, run.raw_error


def find(number: object) -> Optional[StandardStream]:
    """Return the stream of the run whose descriptor 0, 1 or 2 is meant."""
    run = current.get()
    if run is None or not isinstance(number, int) or not 0 <= number <= 2:
        return None
    return streams_of(run)[number]


# Any: a number, or something with fileno().
def real_number(number: Any) -> Any:
    """Return the descriptor that a number means.  Raises OSError if it is closed."""
    stream = find(number)
    return number if stream is None else stream.descriptor()


def is_other(number: object) -> bool:
    """Tell, quickly, that a number has no meaning of its own here."""
    if number.__class__ is not int or number <= 2:
        return False
    run = current.get()
    return run is None or not any(stream.has_loans for stream in _used_streams(run))


def find_lent(number: object, *, as_alias: bool = False) -> Optional[StandardStream]:
    """Return the stream of the current run whose alias, or copy, a number is."""
    run = current.get()
    if run is not None and isinstance(number, int):
        for stream in _used_streams(run):
            if stream.has_lent(number, as_alias=as_alias):
                return stream
    return None


def find_meant(number: object) -> Optional[StandardStream]:
    """Return the stream that a number means, be it 0 to 2 or an alias."""
    return find(number) or find_lent(number, as_alias=True)


def _used_streams(run: RunContext) -> List[StandardStream]:
    return [run.__dict__[name] for name in _NAMES if name in run.__dict__]


# Runs that are over, but have threads that may still use their descriptors.
_lingering: List[RunContext] = []


def end_streams(run: RunContext) -> None:
    """Let go of the descriptors; what goes on, or is dropped, writes to nobody."""
    made = run.__dict__
    has_threads = lifetime.has_threads(run)
    run.raw_output.end(is_in_use=has_threads)
    if "raw_error" in made:
        run.raw_error.end(is_in_use=has_threads)
    if "raw_input" in made:
        run.raw_input.end(is_in_use=has_threads)
    if run.parts and not has_threads:
        left_descriptors.close_left(run)
    if has_threads and any(stream.has_descriptor for stream in _used_streams(run)):
        _lingering.append(run)


def reclaim() -> int:
    """Close what threads that have ended since do not use any more.

    Returns how many runs are left.  Only one thread may call it, every now and then.
    """
    for run in list(_lingering):
        if not lifetime.has_threads(run):
            _lingering.remove(run)
            end_streams(run)
    return len(_lingering)
