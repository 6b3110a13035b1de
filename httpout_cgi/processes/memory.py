"""Memory: notices that a worker holds more than it may, so that it is replaced.

Must not know how.  A system without /proc (only Linux has it) is never noticed.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from httpout_cgi.processes.resident import measure_resident

_LOOK_EVERY: Final = 1.0

_log = logging.getLogger(__name__)


class MemoryWatch:
    """Looks once a second, in the loop, if there is a limit; only that touches it.

    ``on_excess`` is told once, and what is wrong.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_excess: Callable[[str], None],
        measure: Callable[[], int | None] | None = None,
    ) -> None:
        self._loop = loop
        self._on_excess = on_excess
        self._measure = measure or measure_resident
        self._limit: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set_limit(self, limit: int | None) -> None:
        """Watch for more bytes than that; None is no limit.

        A limit that is exceeded now is refused with a line in the log: each successor
        would be replaced at once as well, for ever.
        """
        if limit == self._limit:
            return
        self._limit = limit
        self.stop()
        if limit is None:
            return
        held = self._measure()
        if held is None:
            _log.warning("worker_memory is not watched: this system does not tell")
        elif held > limit:
            _log.warning(
                "worker_memory is not watched: %d KiB is less than the %d KiB that a "
                "worker holds before it has done anything",
                limit // 1024,
                held // 1024,
            )
        else:
            self._timer = self._loop.call_later(_LOOK_EVERY, self._look, limit)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, limit: int) -> None:
        held = self._measure()
        if held is not None and held > limit:
            self._timer = None
            self._on_excess(f"{held // 1024} KiB is more than worker_memory")
        else:
            self._timer = self._loop.call_later(_LOOK_EVERY, self._look, limit)
