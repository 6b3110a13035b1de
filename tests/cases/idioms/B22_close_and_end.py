#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
print("done")
sys.stdout.close()
print(sys.stdout.closed, file=sys.stderr)
sys.stderr.close()
