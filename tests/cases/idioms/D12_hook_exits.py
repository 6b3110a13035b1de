#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
sys.excepthook = lambda *e: (print("hooked"), sys.exit("left by the hook"))
raise RuntimeError("original")
