"""What a child tells its pool: which modules its run has imported, and that it is over.

Modules are for the next one: local ones by their path, others by their name; a kept
child notes the scripts that it has read.  In memory that both share: no descriptor that
a script could meet, and nothing that a child could block on.  Standard library only.
"""

from __future__ import annotations

import mmap
import os

_SIZE = 16_384
# In front: whether the run is over, and its exit code.
_IS_OVER, _EXIT_CODE, _FIRST = range(3)


class Notes:
    """A child writes, the pool reads when the child has ended, or is going to leave.

    Then it may see half of the last one.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self._end = _FIRST

    def add(self, module: str) -> None:
        """Note a path or a name; one too many is left out."""
        data = os.fsencode(module) + b"\0"
        if self._end + len(data) < _SIZE:
            self._memory[self._end : self._end + len(data)] = data
            self._end += len(data)

    def read(self) -> list[str]:
        """Return them; whoever wrote over them has made them worthless."""
        end = self._memory.find(b"\0\0", _FIRST)
        if end <= _FIRST:
            return []
        return [os.fsdecode(path) for path in self._memory[_FIRST:end].split(b"\0")]

    def conclude(self, exit_code: int) -> None:
        """Note that the run is over, though its process has not ended yet."""
        self._memory[_EXIT_CODE] = exit_code & 0xFF
        self._memory[_IS_OVER] = 1

    @property
    def exit_code(self) -> int | None:
        """Return what ``conclude`` has noted, or None."""
        return self._memory[_EXIT_CODE] if self._memory[_IS_OVER] else None

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
