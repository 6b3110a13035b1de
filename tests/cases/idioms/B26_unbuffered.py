#!/usr/bin/python3 -u
import os, sys

print("Content-Type: text/plain\n")
sys.stdout.buffer.write(b"in order\n")
print("text")
os.write(1, b"raw\n")
print(sys.stdout.write_through, sys.stdout.line_buffering)
