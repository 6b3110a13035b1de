"""The queue of runs hands everything over, and wakes no more threads than it needs."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from httpout_cgi.runners.work_queue import WorkQueue

PATIENCE = 20.0
Work = Callable[[], None]


class Crew:
    """Threads that do what they take."""

    def __init__(self, queue: WorkQueue[Work | None], size: int) -> None:
        self.queue = queue
        self.names: SimpleQueue[str] = SimpleQueue()
        self.threads = [threading.Thread(target=self._work) for _ in range(size)]
        for thread in self.threads:
            thread.start()

    def _work(self) -> None:
        while (work := self.queue.take()) is not None:
            self.names.put(threading.current_thread().name)
            work()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


async def end(crew: Crew) -> None:
    for _ in crew.threads:
        crew.queue.put(None)
    for thread in crew.threads:
        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()


def test_everything_is_taken_once_and_in_order(
    loop: asyncio.AbstractEventLoop,
) -> None:
    async def check() -> list[int]:
        queue: WorkQueue[int] = WorkQueue(loop)
        for number in range(1000):
            queue.put(number)
        assert len(queue) == 1000
        taken: list[int] = []
        thread = threading.Thread(
            target=lambda: taken.extend(queue.take() for _ in range(1000))
        )
        thread.start()
        await asyncio.to_thread(thread.join, PATIENCE)
        return taken

    assert loop.run_until_complete(check()) == list(range(1000))


def test_many_threads_and_turns_lose_nothing(loop: asyncio.AbstractEventLoop) -> None:
    async def check() -> int:
        queue: WorkQueue[Work | None] = WorkQueue(loop)
        crew = Crew(queue, 8)
        for number in range(2000):
            queue.put(lambda: None)
            if number % 7 == 0:
                await asyncio.sleep(0)
        await end(crew)
        return crew.names.qsize()

    assert loop.run_until_complete(check()) == 2000


class Turns:
    """A loop whose turns, and whose time, the test makes."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, _seconds: float, callback: Callable[[], None]) -> None:
        self.later.append(callback)

    def turn(self) -> None:
        callbacks, self.soon = self.soon, []
        for callback in callbacks:
            callback()

    def wait(self) -> None:
        callbacks, self.later = self.later, []
        for callback in callbacks:
            callback()


def count_woken(queue: WorkQueue[int]) -> int:
    return queue._tokens.qsize()


def test_one_thread_is_woken_for_all_of_a_turn() -> None:
    turns = Turns()
    queue: WorkQueue[int] = WorkQueue(turns)  # type: ignore[arg-type]  # two methods do
    for number in range(50):
        queue.put(number)
    assert count_woken(queue) == 0
    turns.turn()
    assert count_woken(queue) == 1
    queue.put(50)
    turns.turn()
    assert count_woken(queue) == 1, "one is on its way already"


def test_more_are_woken_when_nothing_is_taken() -> None:
    turns = Turns()
    queue: WorkQueue[int] = WorkQueue(turns)  # type: ignore[arg-type]  # two methods do
    for number in range(5):
        queue.put(number)
    turns.turn()
    queue.take()
    turns.wait()
    assert count_woken(queue) == 4


def test_no_more_are_woken_while_runs_are_quick() -> None:
    turns = Turns()
    queue: WorkQueue[int] = WorkQueue(turns)  # type: ignore[arg-type]  # two methods do
    for number in range(50):
        queue.put(number)
    turns.turn()
    for _ in range(10):
        queue.take()
    turns.wait()
    assert count_woken(queue) == 1
    for _ in range(40):
        queue.take()
    turns.wait()
    assert count_woken(queue) == 1
    assert not turns.later, "nobody watches an empty queue"


def test_a_run_that_waits_does_not_keep_the_others_from_running(
    loop: asyncio.AbstractEventLoop,
) -> None:
    async def check() -> None:
        queue: WorkQueue[Work | None] = WorkQueue(loop)
        crew = Crew(queue, 8)
        together = threading.Barrier(8)
        passed: SimpleQueue[int] = SimpleQueue()
        # Each waits until all eight run at the same time.
        for _ in range(8):
            queue.put(lambda: passed.put(together.wait(PATIENCE)))
        got = [await asyncio.to_thread(passed.get, True, PATIENCE) for _ in range(8)]
        assert sorted(got) == list(range(8))
        await end(crew)

    loop.run_until_complete(check())
