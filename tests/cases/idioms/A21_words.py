#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print(sys.argv[1:], len(sys.argv))
sys.argv.append("more")
print(sys.argv[-1])
sys.argv = ["own"]
print(sys.argv)
