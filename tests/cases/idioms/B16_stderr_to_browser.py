#!/usr/bin/env python3
import sys

sys.stderr = sys.stdout
print("Content-Type: text/plain\n")
1/0
