#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print("0123456789" * 300000)
