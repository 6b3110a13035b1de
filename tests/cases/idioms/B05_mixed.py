#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n", flush=True)
out = sys.stdout.buffer
print(out.write(b"bytes\n"), file=sys.stderr)
out.flush()
print("text")
sys.stdout.flush()
out.write(b"more bytes\n")
out.write(memoryview(b"view\n"))
out.write(bytearray(b"array\n"))
out.raw.write(b"raw comes first\n")
out.flush()
sys.stdout.write("text again\n")
out.write(b"before the text\n")
