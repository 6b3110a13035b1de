#!/usr/bin/python3 -OO
"""A docstring."""
import sys

def f():
    "doc"

print("Content-Type: text/plain\n")
print(__doc__, f.__doc__, sys.flags.optimize, __debug__)
