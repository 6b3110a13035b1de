#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print("\udcff")
print("中文")
try:
    print("\ud800")
except UnicodeEncodeError as e:
    print(e.reason)
print("\udce9", file=sys.stderr)
sys.stdout.write("\udc80\n")
