#!/usr/bin/env python3
import sys

sys.stdin.reconfigure(encoding="latin-1", errors="strict", newline="")
print("Content-Type: text/plain\n")
print(ascii(sys.stdin.read()), sys.stdin.encoding, sys.stdin.errors)
