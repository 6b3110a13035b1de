#!/usr/bin/env python3
"""Touch the file that the query names, so that others know that we have started."""

import os
from pathlib import Path

Path(os.environ["QUERY_STRING"]).touch()
print("Content-Type: text/plain\n\nstarted")
