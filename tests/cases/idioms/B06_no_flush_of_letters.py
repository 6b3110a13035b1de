#!/usr/bin/env python3
# What comes first happens to look like a field.
import sys

print("Content-Type: image/png\n")
sys.stdout.buffer.write(b"BINARY")
