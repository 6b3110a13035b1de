#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print(sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.stderr.errors)
print("\xe9")
