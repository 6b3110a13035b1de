#!/usr/bin/env python3
import io, os, sys

print("Content-Type: text/plain\n")
print(io.FileIO(0, closefd=False).read(3))
print(os.fdopen(0, "rb", 0, closefd=False).read(2))
print(io.open(sys.stdin.fileno(), "rb", buffering=0, closefd=False).readall())
