"""Threads wake the loop: once for all of them, and not when nobody is there."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import pytest

from httpout_cgi.runners import doorbell
from httpout_cgi.runners.doorbell import Doorbell

PATIENCE = 20.0


@pytest.fixture(params=["eventfd", "asyncio"])
def loop(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[asyncio.AbstractEventLoop]:
    if request.param == "asyncio":
        monkeypatch.setattr(doorbell, "_write_without_giving_way", None)
    elif not hasattr(os, "eventfd"):
        pytest.skip("this system has no eventfd")
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Visitor:
    """A doorbell, and how often it was answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answers = 0
        self.answered = asyncio.Event()
        self.doorbell = Doorbell(loop, self._answer)

    def _answer(self) -> None:
        self.answers += 1
        self.answered.set()

    def ring(self, times: int = 1, *, goes_on: bool = False) -> None:
        """Ring in a thread, while the loop waits for it."""

        def work() -> None:
            for _ in range(times):
                self.doorbell.ring(goes_on=goes_on)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    async def wait(self) -> None:
        await asyncio.wait_for(self.answered.wait(), PATIENCE)
        self.answered.clear()


@pytest.mark.parametrize("goes_on", [False, True])
def test_all_rings_that_came_before_are_answered_once(
    loop: asyncio.AbstractEventLoop, goes_on: bool
) -> None:
    async def check() -> int:
        visitor = Visitor(loop)
        visitor.ring(3, goes_on=goes_on)
        await visitor.wait()
        visitor.ring(2, goes_on=goes_on)
        await visitor.wait()
        visitor.doorbell.close()
        return visitor.answers

    assert loop.run_until_complete(check()) == 2


def test_a_ring_in_the_midst_of_an_answer_is_answered_again(
    loop: asyncio.AbstractEventLoop,
) -> None:
    async def check() -> None:
        visitor = Visitor(loop)
        answer = visitor.doorbell._answer

        def answer_and_ring() -> None:
            answer()
            if visitor.answers == 1:
                visitor.ring()

        visitor.doorbell._answer = answer_and_ring
        visitor.ring()
        await visitor.wait()
        if visitor.answers == 1:
            await visitor.wait()
        assert visitor.answers == 2
        visitor.doorbell.close()

    loop.run_until_complete(check())


def test_whoever_looks_unasked_answers_what_a_broken_ring_left(
    loop: asyncio.AbstractEventLoop,
) -> None:
    async def check() -> None:
        visitor = Visitor(loop)
        # An interrupt struck between the mark and the system call.
        visitor.doorbell._is_rung = True
        visitor.doorbell.answer()
        assert visitor.answers == 1
        visitor.answered.clear()
        visitor.ring()
        await visitor.wait()
        visitor.doorbell.close()

    loop.run_until_complete(check())


def test_the_answer_is_outside_of_what_the_thread_is_in(
    loop: asyncio.AbstractEventLoop,
) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="outside")

    async def check() -> str:
        seen: list[str] = []
        variable.set("the maker's")
        visitor = Visitor(loop)
        answer: Callable[[], None] = visitor.doorbell._answer

        def look() -> None:
            seen.append(variable.get())
            answer()

        visitor.doorbell._answer = look
        variable.set("the ringer's")
        visitor.doorbell.ring(goes_on=False)
        await visitor.wait()
        visitor.doorbell.close()
        return seen[0]

    assert loop.run_until_complete(check()) == "outside"


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_late_thread_may_ring_where_nobody_is(
    loop: asyncio.AbstractEventLoop, goes_on: bool
) -> None:
    async def make() -> Visitor:
        return Visitor(loop)

    visitor = loop.run_until_complete(make())
    visitor.doorbell.close()
    loop.close()
    visitor.ring(goes_on=goes_on)
    assert visitor.answers == 0


@pytest.mark.parametrize("loop", ["eventfd"], indirect=True)
def test_its_descriptor_is_closed_when_nobody_can_ring(
    loop: asyncio.AbstractEventLoop,
) -> None:
    def answer() -> None:
        raise AssertionError("nobody has rung")

    bell = Doorbell(loop, answer)
    descriptor = bell._descriptor
    assert descriptor is not None
    bell.close()
    os.fstat(descriptor)
    del bell
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
