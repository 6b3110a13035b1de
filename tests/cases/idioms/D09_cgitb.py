#!/usr/bin/env python3
import cgitb; cgitb.enable(format="text")

print("Content-Type: text/plain\n")
print("before")

def fail(a):
    b = a * 2
    return b / 0

fail(21)
