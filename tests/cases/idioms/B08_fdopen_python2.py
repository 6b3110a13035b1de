#!/usr/bin/env python3
# "Unbuffer stdout", as in a thousand answers.
import os, sys

sys.stdout = os.fdopen(sys.stdout.fileno(), "w", 1)
print("Content-Type: text/plain\n")
for i in range(3):
    print(i)
