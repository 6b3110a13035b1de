#!/usr/bin/env python3
"""Compare pages with httpout 0.1.1's: requests per second, time to the first line.

Both serve with one process, uvloop and keep-alive connections, in turns; httpout has no
access log, so ours goes to /dev/null.  Then, ours alone, as ``httpout-cgi FOLDER``
serves it without settings: how many pages wait in run(asyncio.sleep()) at once.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import hello
import servers

CONFIG = """\
listen: ["127.0.0.1:0"]
workers: 1
sites:
  - docroot: {root}
    scripts: [{{url: /, path: {root}, match: ["*.py"], output: page}}]
log:
  access: {{path: {log}}}
"""

STREAM = """\
import time
print("first")
time.sleep(0.3)
print("last")
"""

SLEEP = """\
import asyncio

async def main():
    await asyncio.sleep({seconds})
    print("slept")

run(main())
"""


def read_options() -> argparse.Namespace:
    parser = hello.make_parser(__doc__)
    parser.add_argument("--sleepers", type=int, default=5000)
    parser.add_argument("--sleep", type=float, default=5, help="seconds of each")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = folder / "pages"
        pages.mkdir()
        (pages / "hello.py").write_text('print("Hello, World!")\n')
        (pages / "stream.py").write_text(STREAM)
        (pages / "sleep.py").write_text(SLEEP.format(seconds=options.sleep))
        config = CONFIG.format(root=pages, log=os.devnull)
        with (
            servers.serve_ours(config, folder) as (ours, _),
            servers.serve_httpout(pages) as httpout,
        ):
            hello.compare(f"{ours}/hello.py", f"{httpout}/hello.py", options)
            compare_first_lines(ours, httpout)
        with servers.serve_pages(pages) as (ours, worker):
            asyncio.run(count_sleepers(ours, worker, options))


def compare_first_lines(ours: str, httpout: str) -> None:
    """Print how long the first line of a page that then waits is under way."""
    for label, url in (("httpout-cgi", ours), ("httpout 0.1.1", httpout)):
        times = [asyncio.run(time_first_line(url)) for _ in range(10)]
        middle, worst = statistics.median(times) * 1000, max(times) * 1000
        print(f"{label:<14} first line {middle:6.2f} ms, at most {worst:.2f} ms")


async def time_first_line(url: str) -> float:
    reader, writer = await connect(url)
    started = time.perf_counter()
    writer.write(b"GET /stream.py HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"first")
    taken = time.perf_counter() - started
    writer.close()
    return taken


async def count_sleepers(url: str, worker: int, options: argparse.Namespace) -> None:
    # The first one starts the threads.
    assert await ask_sleeper(url)
    before = servers.read_status(worker, "VmRSS")
    started = time.perf_counter()
    asked = [ask_sleeper(url) for _ in range(options.sleepers)]
    answers = await asyncio.gather(*asked)
    taken = time.perf_counter() - started
    sleeping = f"slept {options.sleep:g} s each, in {taken:.1f} s"
    print(f"{sum(answers)} of {options.sleepers} pages {sleeping};", end=" ")
    growth = (servers.read_status(worker, "VmHWM") - before) / 1024
    threads = servers.read_status(worker, "Threads")
    print(f"{threads} threads in the worker, 16 of them for pages;", end=" ")
    print(
        f"memory grew by {growth:.0f} MiB, {growth * 1024 / len(answers):.0f} KiB each"
    )


async def ask_sleeper(url: str) -> bool:
    reader, writer = await connect(url)
    request = "GET /sleep.py HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())
    answer = await reader.read()
    writer.close()
    return b"slept" in answer


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port)


if __name__ == "__main__":
    main()
