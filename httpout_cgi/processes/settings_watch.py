"""The files of the settings are watched, and those of the certificate.

Must not know what follows from an edit.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from httpout_cgi.config import Config
from httpout_cgi.interpreter.source import Signature, sign

_CHECK_EVERY: Final = 1.0
# File times come from a clock that ticks every 1 to 10 ms.
_TICK_NS: Final = 10_000_000


class SettingsWatch:
    """Only the supervisor's loop touches it; the clock is passed in.

    ``next_check`` is when ``has_changed`` has to be asked again.
    """

    def __init__(self, config: Config) -> None:
        self.next_check = 0.0
        self._seen: dict[Path, Signature | int] = {}
        self.see(list_files(config))

    def has_changed(self, config: Config, now: float) -> bool:
        """Tell whether a file is not as it was seen; looks once a second."""
        if now < self.next_check:
            return False
        self.next_check = now + _CHECK_EVERY
        if config.reload.watch == "off":
            return False
        return any(_look(path) != seen for path, seen in self._seen.items())

    def see(self, files: Iterable[Path]) -> None:
        """Take note of what these files are now, and of no others."""
        self._seen = {path: _look(path) for path in files}

    def see_more(self, files: Iterable[Path], since: int) -> None:
        """Take note of these as well; what was seen of them already stays.

        They were read since that time, in nanoseconds: what is younger has changed.
        """
        for path in files:
            if path not in self._seen:
                seen = _look(path)
                is_young = not isinstance(seen, int) and seen[-1] >= since - _TICK_NS
                self._seen[path] = 0 if is_young else seen

    def keep(self, files: Iterable[Path]) -> None:
        """Watch these alone of those that were seen."""
        self._seen = {path: self._seen[path] for path in files}


def list_files(config: Config) -> Sequence[Path]:
    """Return the files that settings were read from, and those of the certificate."""
    tls = config.tls
    return [*config.sources, *((tls.certificate, tls.key) if tls else ())]


def _look(path: Path) -> Signature | int:
    """Return what changes whenever a file does; of a missing one, why it is."""
    try:
        return sign(os.stat(path))
    except OSError as exc:
        return exc.errno or 0
