#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n", flush=True)
out = os.fdopen(os.dup(1), "w", encoding="latin-1")
out.write("h\xe9\n")
out.flush()
print("between", flush=True)
out.close()
print("behind")
