#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n")
codes = {"true": True, "big": 2**40, "negative": -1, "float": 1.5, "tuple": (1, 2), "two": None}
code = codes[os.environ["QUERY_STRING"]]
if code is None:
    raise SystemExit(1, 2)
sys.exit(code)
