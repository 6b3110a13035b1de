#!/usr/bin/env python3
import sys

class Broken:
    def __del__(self):
        raise ValueError("in __del__")

print("Content-Type: text/plain\n")
sys.unraisablehook = lambda u: print("unraisable:", u.exc_value)
Broken()
print("goes on")
