#!/usr/bin/env python3
import select, sys

r, w, x = select.select([sys.stdin], [], [], 0)
print("Content-Type: text/plain\n")
print(r == [sys.stdin], w, x, repr(sys.stdin.read()))
