#!/usr/bin/env python3
import fileinput

print("Content-Type: text/plain\n")
for line in fileinput.input():
    print(line.rstrip("\n")[::-1])
