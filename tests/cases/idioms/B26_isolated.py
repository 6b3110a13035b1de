#!/usr/bin/python3 -I
import os, sys

print("Content-Type: text/plain\n")
print(os.path.dirname(os.path.abspath(__file__)) in sys.path)
try:
    import idiom_helper
except ImportError as e:
    print(e)
