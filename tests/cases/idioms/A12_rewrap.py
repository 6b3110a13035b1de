#!/usr/bin/env python3
import io, sys

sys.stdin = io.TextIOWrapper(sys.stdin.buffer, encoding="latin-1")
print("Content-Type: text/plain\n")
print(ascii(sys.stdin.readline()))
print(sys.stdin.encoding, ascii(sys.stdin.read()))
