#!/usr/bin/env python3
import atexit

print("Content-Type: text/plain\n")
atexit.register(print, "still called")
raise RuntimeError("failed")
