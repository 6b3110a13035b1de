#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print(repr(sys.stdin.readline()))
for number, line in enumerate(sys.stdin):
    print(number, repr(line))
    if number == 1:
        break
print(sys.stdin.readlines())
