#!/usr/bin/env python3
import io, os, sys

sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0, closefd=False), line_buffering=True)
print("Content-Type: text/plain\n")
print("unbuffered")
