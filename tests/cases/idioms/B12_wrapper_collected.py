#!/usr/bin/env python3
# The famous trap: the second wrapper closes the buffer when it is collected.
import io, sys

def page():
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    out.write("Content-Type: text/plain\n\npage\n")

page()
try:
    print("lost")
    sys.stdout.flush()
except ValueError as e:
    sys.stderr.write("%s\n" % e)
