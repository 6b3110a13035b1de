"""The memory of a worker is watched, if that is wanted and possible."""

import asyncio
import os

import pytest

from httpout_cgi.processes import memory, resident
from httpout_cgi.processes.memory import MemoryWatch
from httpout_cgi.processes.resident import measure_resident
from tests.live import PATIENCE

MIB = 1024 * 1024


class Process:
    """Holds as much as it is told, and hears what the watch finds."""

    def __init__(self, held: int | None) -> None:
        self.held = held
        self.asked = 0
        self.told: list[str] = []

    def measure(self) -> int | None:
        self.asked += 1
        return self.held


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_LOOK_EVERY", 0.001)


def watch(process: Process) -> MemoryWatch:
    loop = asyncio.get_running_loop()
    return MemoryWatch(loop, process.told.append, process.measure)


async def wait_for_looks(process: Process, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        number += process.asked
        while process.asked < number:
            await asyncio.sleep(0)


def test_excess_is_told_once() -> None:
    async def play() -> None:
        process = Process(5 * MIB)
        watch(process).set_limit(5 * MIB)
        await wait_for_looks(process, 2)
        assert not process.told
        process.held = 6 * MIB
        await wait_for_looks(process, 1)
        asked = process.asked
        await asyncio.sleep(0.01)
        assert process.told == ["6144 KiB is more than worker_memory"]
        assert process.asked == asked

    asyncio.run(play())


def test_another_limit_counts_from_now_on() -> None:
    async def play() -> None:
        process = Process(3 * MIB)
        one = watch(process)
        one.set_limit(4 * MIB)
        one.set_limit(9 * MIB)
        process.held = 5 * MIB
        await wait_for_looks(process, 3)
        assert not process.told
        one.set_limit(None)
        asked = process.asked
        await asyncio.sleep(0.01)
        assert process.asked == asked

    asyncio.run(play())


def test_a_moment_without_an_answer_is_no_excess() -> None:
    async def play() -> None:
        process = Process(3 * MIB)
        one = watch(process)
        one.set_limit(4 * MIB)
        process.held = None
        await wait_for_looks(process, 2)
        process.held = 5 * MIB
        await wait_for_looks(process, 1)
        assert len(process.told) == 1

    asyncio.run(play())


REFUSED = [
    pytest.param(6 * MIB, "5120 KiB is less than the 6144 KiB", id="fresh worker"),
    pytest.param(None, "this system does not tell", id="no proc"),
]


@pytest.mark.parametrize(("held", "text"), REFUSED)
def test_a_limit_that_means_nothing_is_said_once(
    held: int | None, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        process = Process(held)
        one = watch(process)
        one.set_limit(5 * MIB)
        one.set_limit(5 * MIB)
        await asyncio.sleep(0.01)
        assert process.asked == 1
        assert not process.told

    asyncio.run(play())
    assert caplog.text.count("worker_memory is not watched") == 1
    assert text in caplog.text


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux only")
def test_what_a_process_holds_grows() -> None:
    before = measure_resident()
    held = b"x" * (64 * MIB)
    after = measure_resident()
    assert before
    assert after
    assert 60 * MIB < after - before < 200 * MIB
    del held


def test_too_many_open_files_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(resident, "open", fail, raising=False)
    assert measure_resident() is None
