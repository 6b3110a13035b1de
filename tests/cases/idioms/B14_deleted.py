#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")
kept = sys.stdout
sys.stdout = None
print("to nobody")
sys.stdout = kept
del sys.stdout
try:
    print("lost")
except RuntimeError as e:
    sys.stderr.write("RuntimeError: %s\n" % e)
try:
    sys.stdout
except AttributeError as e:
    sys.stderr.write("AttributeError\n")
sys.stdout = kept
print("back")
