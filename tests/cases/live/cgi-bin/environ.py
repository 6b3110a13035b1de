#!/usr/bin/env python3
"""Tell what the server told us: the environment, the arguments and so on, in JSON."""

import json
import os
import sys

seen = {
    "environ": dict(os.environ),
    "argv": sys.argv,
    "cwd": os.getcwd(),
    "stdin": sys.stdin.buffer.read().decode("latin-1"),
}
print("Content-Type: application/json\n")
print(json.dumps(seen))
