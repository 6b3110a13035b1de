#!/usr/bin/env python3
import sys

sys.stdout.write("Content-Type: text/plain\n\n")
count = sys.stdout.write("h\u00e9llo\n")
sys.stdout.writelines(["a\n", "b\n", str(count), "\n"])
sys.stdout.writelines(line for line in ("c", "d\n"))
w = sys.stdout.write
print(w("bound\n"), w(""), sys.stdout.flush(), sys.stdout.writable(), sys.stdout.readable())
print(sys.stdout.encoding, sys.stdout.errors, sys.stdout.isatty(), sys.stdout.name)
print(sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout.newlines, sys.stdout.closed)
print(sys.stdout.seekable(), sys.stdout is sys.__stdout__, type(sys.stdout))
for bad in (b"bytes", 1, None):
    try:
        sys.stdout.write(bad)
    except TypeError as e:
        print(e)
try:
    sys.stdout.read()
except OSError as e:
    print(type(e).__name__, e)
