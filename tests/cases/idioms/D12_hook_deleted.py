#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
sys.excepthook = None
raise RuntimeError("no hook")
