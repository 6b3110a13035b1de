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


class Bench:
    """A queue, the turns of its loop, and threads that wait; none is real."""

    def __init__(self, waiting: int) -> None:
        self.turns = Turns()
        self.queue: WorkQueue[int] = WorkQueue(self.turns)  # type: ignore[arg-type]  # two methods do
        self._locks = [threading.Lock() for _ in range(waiting)]
        for lock in self._locks:
            lock.acquire()
            self.queue._parked.append(lock)

    @property
    def woken(self) -> int:
        return sum(not lock.locked() for lock in self._locks)


def test_one_thread_is_woken_for_all_of_a_turn() -> None:
    bench = Bench(waiting=8)
    for number in range(50):
        bench.queue.put(number)
    assert bench.woken == 0
    bench.turns.turn()
    assert bench.woken == 1
    bench.queue.put(50)
    bench.turns.turn()
    assert bench.woken == 1, "one is on its way already"


def test_a_thread_that_took_something_is_not_on_its_way_any_more() -> None:
    bench = Bench(waiting=8)
    for number in range(2):
        bench.queue.put(number)
        bench.turns.turn()
        bench.queue.take()
    assert bench.woken == 2


def test_nobody_is_woken_beside_a_thread_that_is_about_to_come() -> None:
    bench = Bench(waiting=8)
    bench.queue.announce()
    bench.queue.put(1)
    bench.turns.turn()
    assert bench.woken == 0
    bench.turns.wait()
    assert bench.woken == 1, "it did not come"


def test_while_somebody_comes_and_the_queue_is_watched_the_loop_is_left_alone() -> None:
    bench = Bench(waiting=8)
    bench.queue.put(1)
    bench.turns.turn()
    bench.queue.put(2)
    assert not bench.turns.soon
    bench.turns.wait()
    assert bench.woken == 2, "nobody has come for a while"
    bench.queue.take()
    bench.queue.put(3)
    assert bench.turns.soon, "whoever has come is busy now"


def test_a_turn_whose_items_are_gone_wakes_nobody() -> None:
    bench = Bench(waiting=8)
    bench.queue.put(1)
    bench.queue.take()
    bench.turns.turn()
    assert bench.woken == 0
    assert not bench.turns.later


def test_more_and_more_are_woken_while_little_is_taken() -> None:
    bench = Bench(waiting=16)
    for number in range(20):
        bench.queue.put(number)
    bench.turns.turn()
    woken = []
    for _ in range(5):
        bench.queue.take()
        bench.turns.wait()
        woken.append(bench.woken)
    assert woken == [2, 4, 8, 16, 16]


def test_to_be_held_up_once_does_not_count_for_ever() -> None:
    bench = Bench(waiting=16)
    for number in range(20):
        bench.queue.put(number)
    bench.turns.turn()
    for taken in (0, 0, 4, 0):
        for _ in range(taken):
            bench.queue.take()
        bench.turns.wait()
    assert bench.woken == 1 + 1 + 2 + 1


def test_no_more_are_woken_than_there_is_to_take() -> None:
    bench = Bench(waiting=16)
    for number in range(3):
        bench.queue.put(number)
    bench.turns.turn()
    for _ in range(3):
        bench.turns.wait()
    assert bench.woken == 1 + 1 + 2 + 3


def test_what_is_put_at_once_wakes_all_without_the_loop() -> None:
    bench = Bench(waiting=3)
    bench.queue.put_at_once([1, 2, 3])
    assert bench.woken == 3
    assert not bench.turns.soon
    assert [bench.queue.take() for _ in range(3)] == [1, 2, 3]


def test_no_more_are_woken_while_runs_are_quick() -> None:
    bench = Bench(waiting=8)
    for number in range(50):
        bench.queue.put(number)
    bench.turns.turn()
    for _ in range(10):
        bench.queue.take()
    bench.turns.wait()
    assert bench.woken == 1
    for _ in range(40):
        bench.queue.take()
    bench.turns.wait()
    assert bench.woken == 1
    assert not bench.turns.later, "nobody watches an empty queue"


def test_a_thread_that_waits_too_late_does_not_miss_what_came() -> None:
    bench = Bench(waiting=0)
    bench.queue.put(1)
    bench.queue._park()  # returns: the item came before it waited
    assert not bench.queue._parked
    assert bench.queue.take() == 1


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
