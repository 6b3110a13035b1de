#!/usr/bin/env python3
import io, sys

body = sys.stdin.read()
sys.stdin = io.StringIO("first\nsecond\n")
print("Content-Type: text/plain\n")
print(input(), sys.stdin.readline(), body)
sys.stdin = sys.__stdin__
print(repr(sys.stdin.read()))
