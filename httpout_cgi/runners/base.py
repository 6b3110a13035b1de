"""The seam between the gateway and whatever runs scripts."""

from http import HTTPStatus
from typing import Protocol

from httpout_cgi.errors import HTTPError
from httpout_cgi.scripts import Invocation, Mount


class Run(Protocol):
    """One run under way.  Only the loop thread touches it."""

    @property
    def ended(self) -> bool:
        """Tell whether all output has been read and no more will come."""

    @property
    def failure(self) -> str | None:
        """The traceback of what ended the run, once it ended, or None."""

    async def read(self) -> bytes:
        """Wait for output and return all there is, exactly as it was written.

        Returns ``b""`` at the end.  Raises HTTPError (504 for a run over its time
        limit, 502 for one that crashed); the run is over then.
        """

    def close(self) -> None:
        """End the run, if it has not ended; its output is dropped.  Does not wait."""


class Runner(Protocol):
    """Runs scripts.  Finding a script and running it are two things."""

    def start(self, invocation: Invocation) -> Run:
        """Start a run.  Whoever receives it closes it.

        Raises HTTPError 503 with Retry-After when the queue is full.
        """


class Guards(Protocol):
    """Knows which folders of pages have middleware; runners/pages.py has the one."""

    def guards(self, mount: Mount) -> bool:
        """Tell whether middleware is to be asked about what is no page of a mount.

        Raises HTTPError 500 if it should be asked, and cannot.
        """


def unavailable(reason: str) -> HTTPError:
    """Return the answer to a request that may be sent again in a moment."""
    fields = [("Retry-After", "1")]
    return HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, reason, fields=fields)


def time_is_over(limit: float) -> HTTPError:
    """Return the answer for a run over its time limit, in seconds."""
    reason = f"over the time limit of {limit:g} s"
    return HTTPError(HTTPStatus.GATEWAY_TIMEOUT, reason)
