#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n")
for name in ("REQUEST_METHOD", "QUERY_STRING", "CONTENT_LENGTH", "REDIRECT_STATUS", "REDIRECT_QUERY_STRING"):
    print(name, os.environ.get(name))
print(repr(sys.stdin.read()), sys.argv[1:])
