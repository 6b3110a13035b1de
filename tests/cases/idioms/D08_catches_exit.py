#!/usr/bin/env python3
import sys, traceback

print("Content-Type: text/plain\n")
try:
    print("working")
    sys.exit(1)
except:
    print("caught", sys.exc_info()[0].__name__, sys.exc_info()[1])
    print(traceback.format_exc())
