#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
stdin = sys.stdin.buffer
print(stdin.peek(2)[:2], stdin.read(3), stdin.readline(), stdin.read1(2))
piece = bytearray(4)
print(stdin.readinto(piece), bytes(piece), stdin.readlines())
print(stdin.readable(), stdin.writable(), sys.stdin.name)
print(sys.stdin.encoding, sys.stdin.errors, sys.stdin.line_buffering, stdin.raw.closed)
