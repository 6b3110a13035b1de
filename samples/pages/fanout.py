"""Async fan-out: ten coroutines at once, in one script, and no thread for any."""

import asyncio
import random
import time

from _frame import frame


async def fetch(number):
    seconds = random.uniform(0.1, 1.0)
    await asyncio.sleep(seconds)  # a request to somebody else, say
    print(f"<li>{number} took {seconds:.2f} s</li>")
    return seconds


async def fetch_all():
    return sum(await asyncio.gather(*map(fetch, range(1, 11))))


started = time.monotonic()
with frame("Fan-out"):
    print("<ul>")
    total = wait(fetch_all())  # noqa: F821 - a page has it without importing it
    print("</ul>")
    taken = time.monotonic() - started
    print(f"<p>{total:.2f} s of waiting took {taken:.2f} s.</p>")
