#!/usr/bin/python3 -Xutf8
import sys

print("Content-Type: text/plain\n")
print(sys.stdout.encoding, sys.getfilesystemencoding(), "\xe9")
