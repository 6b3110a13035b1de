#!/usr/bin/env -S python3 -u -O
import sys

print("Content-Type: text/plain\n")
sys.stdout.buffer.write(b"in order\n")
assert False, "not with -O"
print(__debug__)
