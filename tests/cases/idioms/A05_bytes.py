#!/usr/bin/env python3
import os, sys

body = sys.stdin.buffer.read(int(os.environ["CONTENT_LENGTH"]))
print("Content-Type: text/plain\n")
print(repr(body), sys.stdin.buffer.read(10), sys.stdin.buffer.read())
