#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n", flush=True)
for i in range(3000):
    print("line", i)
    if i % 500 == 0:
        sys.stdout.buffer.write(b"<%d>" % i)
