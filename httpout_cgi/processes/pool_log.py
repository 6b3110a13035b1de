"""What a pool says in the error log of its server.  Standard library only."""

from __future__ import annotations

import os


def complain(text: str) -> None:
    """Tell the server's error log, if it listens."""
    try:
        os.write(2, os.fsencode(f"pool: {text}\n".replace("\0", "")))
    except OSError:
        return  # nobody reads
