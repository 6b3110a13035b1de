#!/usr/bin/env python3
import io, sys

print("Content-Type: text/plain\n")
print(sys.stdin.buffer.read())
try:
    sys.stdin.buffer.seek(0)
    print("again", sys.stdin.buffer.read())
except (OSError, io.UnsupportedOperation) as e:
    print("cannot seek:", e)
