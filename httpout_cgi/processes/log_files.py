"""The log files as the supervisor opens them, for itself and the workers."""

import os
from dataclasses import dataclass
from pathlib import Path

from httpout_cgi.config import Config
from httpout_cgi.errors import StartError


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Descriptors; whoever opened them closes them."""

    access: int
    error: int

    def close(self) -> None:
        """Close both."""
        os.close(self.access)
        os.close(self.error)


def open_logs(config: Config) -> LogFiles:
    """Open both logs; StartError names the one that cannot be written."""
    access = _open(config.log.access.path, 1)
    try:
        return LogFiles(access, _open(config.log.error.path, 2))
    except BaseException:
        os.close(access)
        raise


def _open(path: Path | None, standard: int) -> int:
    try:
        if path is None:
            return os.dup(standard)
        # 0640: addresses and URLs are nobody else's business.
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    except OSError as exc:
        raise StartError(f"cannot write the log {path}: {exc.strerror}") from exc
