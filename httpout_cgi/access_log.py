"""The access log: one line for each request, whatever its format.

The lines of one turn of the loop are written at once.
"""

import logging
import os
from collections.abc import Callable
from stat import S_ISCHR
from typing import Final

from httpout_cgi.log_format import Entry, compile_format

# PIPE_BUF: larger writes of two workers could mix in a pipe (pipe(7)).
_ATOMIC: Final = 4096

_log = logging.getLogger(__name__)


class AccessLog:
    """Writes the lines of one turn of the loop at once; only the loop thread uses it.

    ``descriptor`` stays the caller's to close, after ``flush``.  ``schedule`` is the
    loop's ``call_soon``.  ``is_read`` is false for /dev/null: then no entry has to be
    made.  Raises ConfigError for an unknown format.
    """

    def __init__(
        self,
        format_: str,
        descriptor: int,
        schedule: Callable[[Callable[[], None]], object],
    ) -> None:
        self._format = compile_format(format_)
        self.is_read = not _is_null(descriptor)
        self._descriptor = descriptor
        self._schedule = schedule
        self._lines: list[str] = []
        self._failed = False

    def record(self, entry: Entry) -> None:
        """Add one line, which is written soon.  Never raises for what a client sent."""
        if not self._lines:
            self._schedule(self.flush)
        self._lines.append(self._format(entry))

    def flush(self) -> None:
        """Write what there is.  A log that cannot be written breaks no request."""
        if not self._lines:
            return
        data = "".join(self._lines).encode("ascii", "backslashreplace")
        try:
            if len(data) <= _ATOMIC:
                os.write(self._descriptor, data)
            else:
                for line in self._lines:
                    os.write(self._descriptor, line.encode("ascii", "backslashreplace"))
            self._failed = False
        except OSError as exc:
            if not self._failed:
                _log.error("access log cannot be written: %s", exc.strerror)
            self._failed = True
        finally:
            self._lines.clear()


def _is_null(descriptor: int) -> bool:
    seen, null = os.fstat(descriptor), os.stat(os.devnull)
    return S_ISCHR(seen.st_mode) and seen.st_rdev == null.st_rdev


def validate(format_: str) -> None:
    """Raise ConfigError if it is no format."""
    compile_format(format_)
