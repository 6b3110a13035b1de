#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
sys.setrecursionlimit(10000)
def g(n):
    return 0 if n == 0 else 1 + g(n - 1)
print(g(9500), sys.getrecursionlimit())
