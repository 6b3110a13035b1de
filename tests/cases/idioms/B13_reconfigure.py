#!/usr/bin/env python3
import sys

sys.stdout.reconfigure(encoding="latin-1", newline="\r\n")
print("Content-Type: text/plain; charset=iso-8859-1")
print()
print("h\xe9")
print(sys.stdout.encoding, sys.stdout.errors)
sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
print("h\xe9 \udc80")
sys.stdout.reconfigure(line_buffering=True, write_through=True)
print("through", sys.stdout.line_buffering, sys.stdout.write_through)
sys.stdout.buffer.write(b"in order\n")
sys.stderr.reconfigure(encoding="ascii", errors="xmlcharrefreplace")
print("log \xe9", file=sys.stderr)
