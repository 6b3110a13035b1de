#!/usr/bin/env python3
import os, sys

n = int(os.environ.get("CONTENT_LENGTH") or 0)
data = sys.stdin.read(n)
print("Content-Type: text/plain\n")
print(n, len(data), ascii(data))
print(ascii(sys.stdin.read()), ascii(sys.stdin.readline()))
