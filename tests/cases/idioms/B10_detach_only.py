#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
binary = sys.stdout.detach()
binary.write(b"bytes\n")
binary.flush()
print(type(binary).__name__, repr(sys.stdout)[:20], file=sys.stderr)
binary.write(b"not flushed\n")
