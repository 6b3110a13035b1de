#!/usr/bin/env python3
"""Stream a page: what is flushed is in the browser at once.

?pause=MILLISECONDS sets the time between two lines, from 0 to 1000.
"""

import os
import time
from urllib.parse import parse_qs

from lib import page

STEPS = 12


def read_pause():
    """Return the seconds between two lines."""
    query = parse_qs(os.environ["QUERY_STRING"])
    try:
        return min(max(int(query["pause"][0]), 0), 1000) / 1000
    except (KeyError, ValueError):
        return 0.4


pause = read_pause()
page.begin("Progress", "The script prints a line, flushes it, and waits.")
print('<ol class="steps">', flush=True)
for step in range(1, STEPS + 1):
    width = 100 * step // STEPS
    print(
        f'<li>Step {step} of {STEPS} <i style="width: {width}%"></i></li>', flush=True
    )
    time.sleep(pause)
print("</ol>")
print('<p class="good" role="status">Done.</p>')
page.end()
