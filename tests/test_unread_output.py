"""Output that nobody has read yet: how much there may be, and who waits meanwhile."""

import asyncio
import threading

import pytest

from httpout_cgi.runners import unread_output
from httpout_cgi.runners.unread_output import UNREAD_LIMIT, UnreadOutput
from tests.live import PATIENCE

FULL = b"x" * (UNREAD_LIMIT + 1)


def test_what_is_taken_is_all_there_is_in_its_order() -> None:
    output = UnreadOutput()
    assert not output.add(b"a")
    assert not output.add_piped(b"b")
    assert not output.add(b"c")
    assert output.count() == 3
    assert output.take() == b"abc"
    assert output.count() == 0
    assert output.chunks == []


def test_threads_and_pipes_share_a_limit() -> None:
    output = UnreadOutput()
    assert not output.add(b"x" * UNREAD_LIMIT)
    assert not output.has_too_much()
    assert output.add_piped(b"y")
    assert output.has_too_much()
    assert output.add(b"")
    output.take()
    assert not output.has_too_much()


def test_what_another_thread_writes_meanwhile_counts() -> None:
    output = UnreadOutput()

    class Interrupted(bytes):
        def __len__(self) -> int:
            output.add(b"yz")
            return super().__len__()

    output.add(Interrupted(b"x"))
    assert output.count() == 3


def start_to_wait(output: UnreadOutput) -> threading.Thread:
    waiter = threading.Thread(target=output.wait, daemon=True)
    waiter.start()
    return waiter


def test_room_that_is_made_while_a_thread_looks_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = UnreadOutput()
    output.add(FULL)
    look = output.has_too_much

    def look_slowly() -> bool:
        found = look()
        if found:
            output.take()
        return found

    monkeypatch.setattr(output, "has_too_much", look_slowly)
    waiter = start_to_wait(output)
    waiter.join(PATIENCE)
    assert not waiter.is_alive()


def test_all_threads_that_wait_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    output = UnreadOutput()
    waits = threading.Semaphore(0)

    class Counted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.release()
            return super().wait(timeout)

    monkeypatch.setattr(unread_output, "Event", Counted)
    for _ in range(2):
        output.add(FULL)
        waiters = [start_to_wait(output) for _ in range(3)]
        for _ in waiters:
            assert waits.acquire(timeout=PATIENCE)
        output.take()
        for waiter in waiters:
            waiter.join(PATIENCE)
            assert not waiter.is_alive()
    # Each has waited once: who is told of room that is not there asks again and again.
    assert not waits.acquire(blocking=False)


def test_closed_output_is_dropped_and_never_too_much() -> None:
    output = UnreadOutput()
    output.add(FULL)
    output.close()
    assert output.chunks == []
    assert not output.has_too_much()


def wait_until_it_waits(output: UnreadOutput) -> threading.Thread:
    """Return a thread that waits for room."""
    output.add(FULL)
    waiter = threading.Thread(target=output.wait, daemon=True)
    waiter.start()
    return waiter


def test_a_thread_waits_until_it_is_read() -> None:
    output = UnreadOutput()
    waiter = wait_until_it_waits(output)
    waiter.join(0.05)
    assert waiter.is_alive()
    output.take()
    waiter.join(PATIENCE)
    assert not waiter.is_alive()


def test_a_thread_waits_for_no_reader_that_has_left() -> None:
    output = UnreadOutput()
    waiter = wait_until_it_waits(output)
    output.close()
    waiter.join(PATIENCE)
    assert not waiter.is_alive()


def test_a_coroutine_waits_until_there_is_room() -> None:
    async def main() -> None:
        output = UnreadOutput()
        await output.wait_on_loop()
        for let_go_on in (output.take, output.close):
            output.add(FULL)
            waiting = asyncio.create_task(output.wait_on_loop())
            await asyncio.sleep(0)
            assert not waiting.done()
            let_go_on()
            await asyncio.wait_for(waiting, PATIENCE)

    asyncio.run(main())
