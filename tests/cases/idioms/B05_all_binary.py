#!/usr/bin/env python3
import sys

stdout = sys.stdout.buffer
stdout.write(b"Content-Type: text/plain\r\n\r\n")
stdout.writelines([b"one\n", b"two\n"])
print(stdout.fileno() >= 0, file=sys.stderr)
print(stdout.raw.name, stdout.name, stdout.mode, stdout.closed, file=sys.stderr)
print(type(stdout).__name__, file=sys.stderr)
