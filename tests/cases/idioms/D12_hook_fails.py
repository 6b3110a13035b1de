#!/usr/bin/env python3
import sys

def hook(kind, value, trace):
    raise LookupError("the hook is broken")

print("Content-Type: text/plain\n")
print("page")
sys.excepthook = hook
raise RuntimeError("original")
