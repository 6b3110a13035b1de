"""The status of a run in a pool: what is told of its end, and what that means.

Pure: from what was told to an error or none, and a line for the log.  Must not know who
reads the run, or the connection.
"""

import os
import re
import signal
from dataclasses import dataclass
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.ownership import ACCOUNT_REFUSALS, REFUSED, Refusal
from httpout_cgi.runners.base import time_is_over, unavailable

# What a kept child says first, and the pool does not: it has the run.
_BEGUN = "?"

# Not more: C could not take it.
_is_status = re.compile(r"[0-9]{1,6}").fullmatch

_NOT_NOW = ("", Refusal.TOO_MANY_POOLS.value, Refusal.NO_POOL.value)
# The client is told of what is not there.
_SECRETS = [one.value for one in ACCOUNT_REFUSALS] + [Refusal.MISSING.value]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the reader of a run gets for its end, and the log; None is nothing."""

    error: HTTPError | None
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run had come: with what it wrote, and with its time."""

    is_empty: bool
    """Nothing at all was read."""
    has_head: bool
    """The header section is complete."""
    is_late: bool
    """Its time limit, in seconds, is over."""
    limit: float


def parse_status(told: str) -> int | None:
    """Return a status as waitpid() has it; None if something else was told."""
    told = told.lstrip(_BEGUN).strip()
    return int(told) if _is_status(told) else None


def judge_end(told: str, progress: Progress) -> Verdict:
    """Return what it means that a run has ended without an exit code."""
    text = told.lstrip(_BEGUN)
    if text.startswith(REFUSED):
        return Verdict(explain_refusal(text.removeprefix(REFUSED)))
    status = parse_status(told)
    if status is None:
        return _judge_silence(progress, has_begun=told.startswith(_BEGUN))
    return _judge_signal(os.WTERMSIG(status), progress)


def _judge_silence(progress: Progress, *, has_begun: bool) -> Verdict:
    """Return what it means that no pool knows how the run ended."""
    if has_begun:
        text = "its process has died"
        if progress.is_late:
            return Verdict(time_is_over(progress.limit), text)
        return Verdict(HTTPError(HTTPStatus.BAD_GATEWAY, text), text)
    if progress.is_empty:
        return Verdict(unavailable("the pool has closed the connection"))
    return Verdict(HTTPError(HTTPStatus.BAD_GATEWAY, "the pool has died"))


def _judge_signal(number: int, progress: Progress) -> Verdict:
    """Return the error, if the response must not look complete.

    As under Apache it does, once the header section is there, unless it is we who
    have ended the run.
    """
    text = f"killed by signal {number} ({_name_signal(number)})"
    if progress.is_late:
        # The pool's clock has been a little faster than ours.
        return Verdict(time_is_over(progress.limit), text)
    if progress.has_head:
        return Verdict(None, text)
    return Verdict(HTTPError(HTTPStatus.BAD_GATEWAY, text), text)


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "real-time"


def explain_refusal(text: str) -> HTTPError:
    """Return the answer to what is refused: a word for it, and the path if any."""
    word = text.partition(":")[0]
    if word in _NOT_NOW:
        return unavailable(text or "there is no pool")
    is_secret = word in _SECRETS
    return HTTPError(HTTPStatus.NOT_FOUND if is_secret else HTTPStatus.FORBIDDEN, text)
