#!/usr/bin/env python3
import os, sys

if sys.platform == "win32":
    import msvcrt
    msvcrt.setmode(sys.stdout.fileno(), os.O_BINARY)
try:
    import msvcrt
    msvcrt.setmode(0, os.O_BINARY)
    msvcrt.setmode(1, os.O_BINARY)
except ImportError:
    pass
print("Content-Type: text/plain\n")
print(sys.platform, os.linesep.encode(), os.sep)
