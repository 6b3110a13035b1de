#!/usr/bin/env python3
class Broken:
    def __repr__(self):
        return "<Broken>"
    def __del__(self):
        raise ValueError("in __del__")

print("Content-Type: text/plain\n")
b = Broken()
del b
import sys
sys.unraisablehook = lambda u: print("unraisable:", u.exc_value)
Broken()
print("goes on")
