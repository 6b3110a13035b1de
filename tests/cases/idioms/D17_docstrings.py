#!/usr/bin/python3 -OO
"""A docstring."""

def f():
    "doc"

print("Content-Type: text/plain\n")
print(__doc__, f.__doc__, __debug__)
