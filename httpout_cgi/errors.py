"""Our exceptions: each carries what its reader needs, a client or an administrator."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path


class HTTPError(Exception):
    """A request that is answered with an error page.

    ``reason`` is for the log alone: the client sees the status' phrase.  ``fields``
    are sent with the answer (Allow with 405, Retry-After with 503).  ``detail`` is a
    script's traceback, which the client sees only where ``debug`` is set.
    """

    def __init__(
        self,
        status: HTTPStatus,
        reason: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(f"{status.value} {reason}")
        self.status = status
        self.reason = reason
        self.fields = tuple(fields)
        self.detail: str | None = None


class ConfigError(Exception):
    """Settings that cannot be used; ``problems`` has one line for each.

    ``files`` are those that were read, or asked for: it may be mended there.
    """

    def __init__(self, problems: Sequence[str], files: Sequence[Path] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        self.files = tuple(files)


class StartError(Exception):
    """The server cannot start on this machine: a port in use, a folder unreadable."""
