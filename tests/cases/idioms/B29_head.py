#!/usr/bin/env python3
import os

print("Content-Type: text/plain")
print("X-Method: " + os.environ["REQUEST_METHOD"])
print()
print("body " * 10000)
