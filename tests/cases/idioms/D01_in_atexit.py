#!/usr/bin/env python3
import atexit, sys

print("Content-Type: text/plain\n")
atexit.register(print, "last")
atexit.register(sys.exit, 4)
atexit.register(print, "first")
