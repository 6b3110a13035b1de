#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print("debug", 1, file=sys.stderr)
sys.stderr.write("no line end,")
sys.stderr.write(" and the rest\n")
sys.stderr.writelines(["one\n", "two\n"])
print("\xe9\u4e2d \udcff tab\there \x1b[31mred", file=sys.stderr)
sys.stderr.buffer.write(b"bytes \xff\n")
sys.stderr.flush()
print(sys.stderr.errors, sys.stderr.line_buffering, sys.stderr.name, sys.stderr.encoding)
print("end without line end", end="", file=sys.stderr)
