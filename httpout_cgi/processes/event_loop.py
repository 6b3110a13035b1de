"""The event loop of a worker: the fastest that is there, or the one that is wanted."""

import asyncio

from httpout_cgi.errors import StartError


def make_loop(name: str) -> asyncio.AbstractEventLoop:
    """Return a loop: uvloop's if it is installed and not unwanted.

    Raises StartError if it is wanted and missing.
    """
    if name == "asyncio":
        return asyncio.new_event_loop()
    try:
        import uvloop  # here: not on every system
    except ImportError as exc:
        if name == "uvloop":
            raise StartError("loop: uvloop is not installed") from exc
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
