#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print(repr(sys.stdin.read()), repr(sys.stdin.readline()), list(sys.stdin), sys.stdin.isatty())
print(sys.stdin.buffer.read(), sys.stdin is sys.__stdin__)
try:
    input()
except EOFError as e:
    print("EOFError:", e)
