"""Which modules a run has imported: told by a child to its pool, for the next one.

Local ones by their path, others by their name; a kept child notes the scripts that it
has read.  In memory that both share: no descriptor that a script could meet, and
nothing that a child could block on.  Standard library only.
"""

from __future__ import annotations

import mmap
import os

_SIZE = 16_384


class Notes:
    """A child writes, the pool reads when the child has ended, or is going to leave.

    Then it may see half of the last one.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self._end = 0

    def add(self, module: str) -> None:
        """Note a path or a name; one too many is left out."""
        data = os.fsencode(module) + b"\0"
        if self._end + len(data) < _SIZE:
            self._memory[self._end : self._end + len(data)] = data
            self._end += len(data)

    def read(self) -> list[str]:
        """Return them; whoever wrote over them has made them worthless."""
        end = self._memory.find(b"\0\0")
        if end <= 0:
            return []
        return [os.fsdecode(path) for path in self._memory[:end].split(b"\0")]

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
