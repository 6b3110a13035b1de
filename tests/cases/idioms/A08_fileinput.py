#!/usr/bin/env python3
import fileinput

print("Content-Type: text/plain\n")
for line in fileinput.input("-"):
    print(fileinput.lineno(), fileinput.filename(), line.upper(), end="")
