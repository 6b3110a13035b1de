#!/usr/bin/env python3
import io, sys

first = sys.stdout
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "utf-8")
second = sys.stdout
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "latin-1")
print("Content-Type: text/plain\n")
print("third \xe9")
sys.stdout.flush()
second.write("second \xe9\n")
second.flush()
first.write("first\n")
first.flush()
print("third again")
