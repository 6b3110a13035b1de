#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print(sys.getrecursionlimit())
