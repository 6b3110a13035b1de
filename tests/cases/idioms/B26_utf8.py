#!/usr/bin/python3 -Xutf8
import sys

print("Content-Type: text/plain\n")
print(sys.flags.utf8_mode, sys.stdout.encoding, "\xe9")
