#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print("output so far")
sys.exit()
print("never")
