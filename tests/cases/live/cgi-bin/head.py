#!/usr/bin/env python3
"""Print more than a pipe holds, then touch the file that the query names."""

import os
import sys
from pathlib import Path

print("Content-Type: text/plain\n", flush=True)
for _ in range(64):
    sys.stdout.write("x" * 8192)
    sys.stdout.flush()
Path(os.environ["QUERY_STRING"]).touch()
