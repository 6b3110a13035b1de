"""The log of accounts' pools: what they write to standard error, line by line.

An account decides on part of what its pool runs: its interpreter, its packages.  If it
had the error log itself as a descriptor, it could empty that, forge lines, and fill the
disk.
"""

import logging
import os
import selectors
from typing import Final

# Of one process.  A pool says little, unless somebody else speaks for it.
_MOST_BYTES: Final = 65_536
_READ_SIZE: Final = 16_384

_log = logging.getLogger(__name__)


class AccountLog:
    """Reads what one process writes; only the supervisor's loop touches it."""

    def __init__(self, selector: selectors.BaseSelector, name: str) -> None:
        self._selector = selector
        self._name = name
        self._left = _MOST_BYTES
        self._rest = b""
        # Its writer never blocks either: what we have no time for is lost.
        self._read_end, self.write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        selector.register(self._read_end, selectors.EVENT_READ, self.read)
        self.is_open = True

    def begin(self) -> None:
        """Leave the process its end; call it once, after the start."""
        os.close(self.write_end)

    def read(self) -> None:
        """Log what has come; the end of it closes us."""
        data = os.read(self._read_end, min(self._left, _READ_SIZE))
        self._left -= len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._tell(line)
        if not data or not self._left:
            self.close()

    def close(self) -> None:
        """Read no more; who goes on writing fails."""
        if not self.is_open:
            return
        self.is_open = False
        self._selector.unregister(self._read_end)
        os.close(self._read_end)
        if self._rest:
            self._tell(self._rest)
        if not self._left:
            self._tell(b"says too much; the rest is left out")

    def _tell(self, line: bytes) -> None:
        text = os.fsdecode(line).removeprefix("pool: ")
        _log.error("pool of %s: %s", self._name, text)
