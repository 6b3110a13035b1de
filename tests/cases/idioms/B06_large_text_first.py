#!/usr/bin/env python3
# More than the text layer holds back (8192 characters) goes to the buffer at once.
import sys

print("Content-Type: text/plain\n")
print("x" * 9000)
sys.stdout.buffer.write(b"BINARY\n")
print("tail")
