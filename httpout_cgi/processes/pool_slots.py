"""What kept children tell their pool, in memory that they share: a slot for each.

Writing to it costs next to nothing, and a child that hangs cannot keep the pool
waiting.  Standard library only.
"""

from __future__ import annotations

import mmap
import struct
from typing import NamedTuple

# When a run is to be over, 0 if there is none; and when the last one began.
_SLOT = struct.Struct("=dd")
_pack_into = _SLOT.pack_into

# What comes before the first.
_HEADER = 64


class Slot(NamedTuple):
    """Times are those of time.monotonic(), and 0 for never."""

    deadline: float
    begun: float


class Slots:
    """Made before the fork; the pool reads what the owner of a slot has written."""

    def __init__(self, count: int) -> None:
        self._memory = mmap.mmap(-1, _HEADER + count * _SLOT.size)

    def begin(self, index: int, deadline: float, now: float) -> None:
        """Note that a run begins, or a peer is listened to."""
        _pack_into(self._memory, _HEADER + index * _SLOT.size, deadline, now)

    def end(self, index: int, begun: float) -> None:
        """Note that it is over."""
        _pack_into(self._memory, _HEADER + index * _SLOT.size, 0.0, begun)

    def read(self, index: int) -> Slot:
        """Return what the child has noted."""
        return Slot(*_SLOT.unpack_from(self._memory, _HEADER + index * _SLOT.size))

    @property
    def are_dismissed(self) -> bool:
        """Tell whether the children are to leave; they look before they accept."""
        return self._memory[0] != 0

    def dismiss(self, *, yes: bool) -> None:
        """Tell them to leave, or that they may stay again."""
        self._memory[0] = int(yes)
