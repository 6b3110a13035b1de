#!/usr/bin/env python3
import sys
print("Content-Type: text/plain\n")
print("a shebang with CR LF", sys.argv[1:])
