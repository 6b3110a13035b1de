#!/usr/bin/env python3
print("Content-Type: text/plain\n")
try:
    x = "x" * (1 << 62)
except MemoryError as e:
    print("MemoryError", e)
bytearray(1 << 62)
