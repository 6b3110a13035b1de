#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n", flush=True)
while True:
    sys.stdout.flush()
