#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print("page")
sys.exit("cannot connect: \xe9\nsecond line")
