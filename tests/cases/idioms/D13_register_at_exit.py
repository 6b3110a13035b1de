#!/usr/bin/env python3
import atexit

print("Content-Type: text/plain\n")

def first():
    print("first")
    atexit.register(print, "too late")

atexit.register(first)
print("main")
