#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.mode, stream.buffer.mode, repr(stream))
