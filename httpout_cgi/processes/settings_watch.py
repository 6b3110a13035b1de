"""The files of the settings are watched, and those of the certificate.

Must not know what follows from an edit.
"""

import os
from pathlib import Path
from typing import Final

from httpout_cgi.config import Config
from httpout_cgi.interpreter.source import sign

_CHECK_EVERY: Final = 1.0


class SettingsWatch:
    """Only the supervisor's loop touches it; the clock is passed in.

    ``next_check`` is when ``has_changed`` has to be asked again.
    """

    def __init__(self, config: Config) -> None:
        self.next_check = 0.0
        self._seen = _signature(config)

    def has_changed(self, config: Config, now: float) -> bool:
        """Tell whether a file is not as it was seen last; looks once a second."""
        if now < self.next_check:
            return False
        self.next_check = now + _CHECK_EVERY
        if config.reload.watch == "off":
            return False
        return _signature(config) != self._seen

    def see(self, config: Config) -> None:
        """Take note of what the files of these settings are now."""
        self._seen = _signature(config)


def _signature(config: Config) -> tuple[tuple[int, ...], ...]:
    """Return what changes whenever a settings file does, or the certificate's."""
    tls = config.tls
    paths = [*config.sources, *((tls.certificate, tls.key) if tls else ())]

    def look(path: Path) -> tuple[int, ...]:
        try:
            return sign(os.stat(path))
        except OSError as exc:
            return (exc.errno or 0,)

    return tuple(look(path) for path in paths)
