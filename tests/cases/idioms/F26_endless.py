"""Recursion without end by way of C code, with a limit that is none."""

import sys

sys.setrecursionlimit(10**6)


class Key:
    def __lt__(self, other):
        return sorted([Key(), Key()]) and True


print("Content-Type: text/plain\n", flush=True)
try:
    sorted([Key(), Key()])
except RecursionError as exc:
    print(type(exc).__name__)
