#!/usr/bin/env python3
"""Measure what a run in a thread costs beyond plain exec() of the same code object.

A run is measured as the gateway uses it: started on the loop, done in a thread, read
until its end.  It is compared with exec() into an io.StringIO, in this process and
without the stand-ins: in this thread ("exec"), and in the loop's executor ("in a
thread"), for to wake a thread and then the loop costs more than a small script does
where nothing else is in flight.  All take turns; the figures are medians, in
microseconds of wall time and of CPU time.  The promise: at most 60 µs more than exec.

All threads are kept on one CPU: to wake one that sleeps takes 5 µs on one machine and
40 µs on another, and the caches of a second one are cold.  --all-cpus measures with it.
"""

import argparse
import asyncio
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import uvloop

from httpout_cgi.interpreter import context
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.runners.thread import ThreadRunner
from httpout_cgi.scripts import Invocation, Mount, Script

PROMISE = 60  # microseconds
HELLO = """\
print("Content-Type: text/plain")
print()
print("Hello, World!")
"""
TABLE = """\
import html, os, sys, time
print("Content-Type: text/html\\n")
for name in sorted(os.environ):
    print("<tr><td>%s<td>%s" % (name, html.escape(os.environ[name])))
for number in range(50):
    sys.stdout.write("<li>%d\\n" % number)
"""
SCRIPTS = {"hello": HELLO, "table": TABLE}
# About what a request brings.
ENVIRONMENT = {f"HTTP_X_NAME_{number}": f"value {number}" for number in range(25)}


class Cost(NamedTuple):
    """Microseconds for one run."""

    wall: float
    cpu: float


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=1000, help="in one round")
    parser.add_argument("--in-flight", type=int, nargs="*", default=[1, 16])
    parser.add_argument("--all-cpus", action="store_true", help="do not keep to one")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    if not options.all_cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    loops = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    print(f"Python {sys.version.split()[0]}, {options.rounds} rounds of", end=" ")
    print(f"{options.runs} runs; microseconds for one run: wall (CPU)\n")
    titles = ("run", "exec", "in a thread", "run - exec", "run - in a thread")
    print(f"{'':22}", *(f"{title:>17}" for title in titles))
    with tempfile.TemporaryDirectory() as name:
        for script, source in SCRIPTS.items():
            path = Path(name) / f"{script}.py"
            path.write_text(source)
            for loop_name, make_loop in loops.items():
                for count in options.in_flight:
                    costs = compare(path, make_loop, count, options)
                    print_row(f"{script}, {loop_name}, {count}", costs)
    print(f"\nThe promise is a difference of at most {PROMISE} µs from exec.")


def print_row(title: str, costs: Sequence[Cost]) -> None:
    run, plain, there = costs
    differences = [Cost(run.wall - c.wall, run.cpu - c.cpu) for c in (plain, there)]
    cells = [f"{c.wall:9.1f} ({c.cpu:5.1f})" for c in (*costs, *differences)]
    mark = "" if differences[0].wall <= PROMISE else "  more than promised"
    print(
        f"{title:22}", *cells, f"  {run.wall / plain.wall:.1f} times exec", mark, sep=""
    )
    sys.stdout.flush()


def compare(
    path: Path,
    make_loop: Callable[[], asyncio.AbstractEventLoop],
    count: int,
    options: argparse.Namespace,
) -> list[Cost]:
    """Return the median costs of a run and of exec() here and in a thread."""
    costs: tuple[list[Cost], list[Cost], list[Cost]] = ([], [], [])
    code = compile(path.read_text(), str(path), "exec")
    with running(make_loop) as (loop, runner), ThreadPoolExecutor(16) as pool:
        loop.set_default_executor(pool)
        for _ in range(options.rounds + 1):
            with timing(costs[0], options.runs):
                loop.run_until_complete(load(runner, path, count, options.runs))
            context.uninstall()
            with environment():
                with timing(costs[1], options.runs):
                    exec_plainly(code, options.runs)
                with timing(costs[2], options.runs):
                    loop.run_until_complete(exec_in_threads(code, count, options.runs))
            context.install()
    # The first round was to warm up.
    return [median(column[1:]) for column in costs]


@contextmanager
def running(
    make_loop: Callable[[], asyncio.AbstractEventLoop],
) -> Iterator[tuple[asyncio.AbstractEventLoop, ThreadRunner]]:
    loop = make_loop()
    runner = ThreadRunner(loop, CodeCache())
    try:
        yield loop, runner
    finally:
        loop.run_until_complete(runner.shutdown(5))
        context.uninstall()
        loop.close()


@contextmanager
def environment() -> Iterator[None]:
    """Let os.environ be what a run has."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def timing(costs: list[Cost], runs: int) -> Iterator[None]:
    """Add what one of so many runs in this block costs."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    costs.append(Cost(wall * 1e6 / runs, cpu * 1e6 / runs))


async def load(runner: ThreadRunner, path: Path, count: int, runs: int) -> None:
    """Do so many runs, ``count`` at a time."""
    mount = Mount("/cgi-bin/", str(path.parent))
    name = f"/cgi-bin/{path.name}"
    folder = str(path.parent)
    script = Script(str(path), path.stat(), name, "", None, folder, mount, "site")
    waiting = iter(range(runs))

    async def work() -> None:
        for _ in waiting:
            run = runner.start(Invocation("id", script, dict(ENVIRONMENT)))
            while not run.ended:
                await run.read()
            run.close()
            if run.failure:
                raise RuntimeError(run.failure)

    await asyncio.gather(*(work() for _ in range(count)))


def exec_plainly(code: CodeType, runs: int) -> None:
    """Do what a run is compared with."""
    before = sys.stdout
    try:
        for _ in range(runs):
            sys.stdout = output = io.StringIO()
            exec(code, {"__name__": "__main__"})
            output.getvalue()
    finally:
        sys.stdout = before


async def exec_in_threads(code: CodeType, count: int, runs: int) -> None:
    """Do the same in the loop's executor, ``count`` at a time; output may mix."""
    loop = asyncio.get_running_loop()
    waiting = iter(range(runs))

    async def work() -> None:
        for _ in waiting:
            await loop.run_in_executor(None, exec_plainly, code, 1)

    await asyncio.gather(*(work() for _ in range(count)))


def median(costs: list[Cost]) -> Cost:
    walls, cpus = zip(*costs, strict=True)
    return Cost(statistics.median(walls), statistics.median(cpus))


if __name__ == "__main__":
    main()
