#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n")
for bad in (lambda: os.environ.__setitem__("", "x"), lambda: os.putenv("", "x")):
    try:
        bad()
    except (ValueError, OSError) as e:
        print(type(e).__name__)
