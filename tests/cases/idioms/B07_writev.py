#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n", flush=True)
print(os.writev(1, [b"one\n", b"two\n"]), os.isatty(1), os.isatty(0), flush=True)
os.write(1, memoryview(b"view\n"))
os.write(1, bytearray(b"array\n"))
os.write(1, b"")
try:
    os.write(1, "text")
except TypeError as e:
    print(type(e).__name__)
sys.stdout.flush()
