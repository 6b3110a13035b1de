#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
def f(n):
    return f(n + 1)
try:
    f(0)
except RecursionError as e:
    print(e)
print(sys.getrecursionlimit())
def g(n):
    return 0 if n == 0 else 1 + g(n - 1)
print(g(900))
f(0)
