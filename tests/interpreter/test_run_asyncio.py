"""asyncio in a script is as in a main thread, and gone with the run."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpout_cgi.interpreter import run_asyncio
from httpout_cgi.interpreter.run_context import RunContext

from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def run(tmp_path: Path, source: str) -> Result:
    head = """
import asyncio, os, signal, threading, warnings
warnings.simplefilter("ignore")
async def main(result=7):
    await asyncio.sleep(0)
    return result
"""
    return run_file(save(tmp_path / "script.py", head + source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("print(asyncio.run(main()))", "7\n", id="run"),
        pytest.param(
            "loop = asyncio.get_event_loop()\n"
            "print(loop.run_until_complete(main()), asyncio.get_event_loop() is loop)\n"
            "loop.close()",
            "7 True\n",
            id="the old idiom",
        ),
        pytest.param(
            "loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop)\n"
            "print(asyncio.get_event_loop() is loop, loop.run_until_complete(main()))",
            "True 7\n",
            id="a loop that is left open",
        ),
        pytest.param(
            "class Policy(asyncio.DefaultEventLoopPolicy): pass\n"
            "p = Policy(); asyncio.set_event_loop_policy(p)\n"
            "print(asyncio.get_event_loop_policy() is p, asyncio.run(main()))\n"
            "asyncio.set_event_loop_policy(None)\n"
            "print(type(asyncio.get_event_loop_policy()) is Policy)\n"
            "try: asyncio.set_event_loop_policy(7)\n"
            "except (TypeError, AssertionError): print('no policy')",
            "True 7\nFalse\nno policy\n",
            id="a policy",
        ),
        pytest.param(
            "async def child():\n"
            "    start = asyncio.create_subprocess_exec\n"
            "    p = await start('/bin/echo', 'hi', stdout=-1)\n"
            "    return (await p.communicate())[0]\n"
            "print(asyncio.run(child()))",
            "b'hi\\n'\n",
            id="a child",
        ),
        pytest.param(
            "async def wait():\n"
            "    event = asyncio.Event()\n"
            "    loop = asyncio.get_running_loop()\n"
            "    loop.add_signal_handler(signal.SIGUSR1, event.set)\n"
            "    os.kill(os.getpid(), signal.SIGUSR1)\n"
            "    await asyncio.wait_for(event.wait(), 10)\n"
            "    print(loop.remove_signal_handler(signal.SIGUSR1))\n"
            "asyncio.run(wait())",
            "True\n",
            id="a signal",
        ),
        pytest.param(
            "async def name(): return threading.current_thread().name\n"
            "print(asyncio.run(name()))",
            "MainThread\n",
            id="the thread",
        ),
    ],
)
def test_asyncio_of_a_script(tmp_path: Path, source: str, expected: str) -> None:
    for _ in range(2):
        result = run(tmp_path, source)
        assert result.failure is None
        assert result.text == expected
        assert result.log == []


@pytest.mark.parametrize(
    "source",
    [
        "asyncio.get_event_loop()",
        "asyncio.get_event_loop().create_task(main())",
        "loop = asyncio.new_event_loop()\n"
        "task = loop.create_task(asyncio.sleep(600))\n"
        "loop.call_soon(loop.stop); loop.run_forever()",
        "loop = asyncio.new_event_loop()\n"
        "def work(loop=loop): loop.run_forever()\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "asyncio.run_coroutine_threadsafe(main(), loop).result()",
        "asyncio._set_running_loop(asyncio.new_event_loop())",
    ],
    ids=["open", "with a task", "stopped", "in a daemon", "running"],
)
def test_loops_that_are_left_open_leave_nothing(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, "asyncio.run(main())")
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    runs: list[RunContext] = []
    path = save(
        tmp_path / "script.py",
        "import asyncio, threading, warnings\nwarnings.simplefilter('ignore')\n"
        f"async def main(): pass\n{source}",
    )
    assert run_file(path, inspect=runs.append).failure is None
    for thread in list(runs[0].__dict__.get("threads", ())):
        thread.join(10)
    run_asyncio.wake(runs[0])
    runs.clear()
    del path
    gc.collect()
    assert asyncio._get_running_loop() is None
    assert caplog.records == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_outside_of_a_run_the_policy_is_the_process_own(tmp_path: Path) -> None:
    policy = asyncio.get_event_loop_policy()
    run(tmp_path, "asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())")
    assert asyncio.get_event_loop_policy() is policy
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()
