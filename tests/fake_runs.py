"""Runs whose output a test decides, for what is hard to reach with real scripts."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.scripts import Invocation

TIMEOUT = HTTPError(HTTPStatus.GATEWAY_TIMEOUT, "over the time limit")


class FakeRun:
    """Yields pieces, one for each read; an exception among them is raised.

    ``hold`` keeps the end back: a read behind the last piece waits until it is set.
    """

    def __init__(self, pieces: Sequence[bytes | Exception], *, hold: bool = False):
        self.failure: str | None = None
        self.is_closed = False
        self.end = asyncio.Event()
        if not hold:
            self.end.set()
        self._pieces = list(pieces)

    @property
    def ended(self) -> bool:
        return not self._pieces and self.end.is_set()

    async def read(self) -> bytes:
        if not self._pieces:
            await self.end.wait()
            return b""
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self) -> None:
        self.is_closed = True


class FakeRunner:
    """Hands out runs one after the other, and remembers what they were for."""

    def __init__(self, *runs: FakeRun | HTTPError) -> None:
        self.invocations: list[Invocation] = []
        self._runs = list(runs)

    def start(self, invocation: Invocation) -> FakeRun:
        self.invocations.append(invocation)
        run = self._runs.pop(0)
        if isinstance(run, HTTPError):
            if invocation.stdin is not None:
                invocation.stdin.close()
            raise run
        return run
