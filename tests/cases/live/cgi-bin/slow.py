#!/usr/bin/env python3
"""Print what the query says, flushed, and then take too long."""

import os
import sys
import time
from urllib.parse import unquote_to_bytes

sys.stdout.buffer.write(unquote_to_bytes(os.environ["QUERY_STRING"]))
sys.stdout.flush()
for _ in range(1000):
    time.sleep(0.01)
