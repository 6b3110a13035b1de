"""How threads get the loop to look at what they have for it.

To wake the loop as asyncio does costs up to four thread switches: it wakes while the
caller has CPython's lock, waits for that, and wakes the caller to let go of it.
"""

import asyncio
import ctypes
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import cast


class Doorbell:
    """Calls ``answer`` on the loop: once for all rings that come before it.

    Made and closed on the loop's thread, rung in any.  ``answer`` runs outside of all
    runs, whichever of them rings.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, answer: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._answer = answer
        self._is_rung = False
        # What the loop calls for a thread belongs to no run.
        self._outside = Context()
        self._descriptor: int | None = None
        if _write_without_giving_way is not None:
            self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            # Not before the last thread has gone: the number may be another file's.
            weakref.finalize(self, os.close, self._descriptor).atexit = False
            self._outside.run(loop.add_reader, self._descriptor, self.answer)

    def ring(self, *, goes_on: bool) -> None:
        """Have the loop answer soon; ``goes_on`` tells that the caller has more to do.

        Then the loop has to wait for CPython's lock.  A caller that is about to wait
        lets go of it first, and the loop finds it free.
        """
        if self._is_rung:
            return
        self._is_rung = True
        if self._descriptor is None:
            # A closed loop: the server has gone, and nobody waits.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.answer, context=self._outside)
        elif goes_on:
            assert _write_without_giving_way is not None
            _write_without_giving_way(self._descriptor, 1)
        else:
            os.eventfd_write(self._descriptor, 1)

    def answer(self) -> None:
        """Answer now, on the loop, whether anybody has rung or not."""
        if self._descriptor is not None:
            with suppress(BlockingIOError):
                os.eventfd_read(self._descriptor)
        # First: who rings from now on is answered again.
        self._is_rung = False
        self._answer()

    def close(self) -> None:
        """Answer nobody any more; threads may go on ringing."""
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)


def _load_eventfd_write() -> Callable[[int, int], int] | None:
    """Return the C library's eventfd_write(), which keeps CPython's lock."""
    if not hasattr(os, "eventfd"):  # pragma: no cover - not on Linux
        return None
    try:
        function = ctypes.PyDLL(None).eventfd_write
    except (AttributeError, OSError):  # pragma: no cover - a C library without it
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_uint64]
    return cast("Callable[[int, int], int]", function)


_write_without_giving_way = _load_eventfd_write()
