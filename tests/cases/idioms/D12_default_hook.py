#!/usr/bin/env python3
import sys, io

print("Content-Type: text/plain\n")
print(sys.excepthook is sys.__excepthook__, sys.excepthook)
try:
    1 / 0
except ZeroDivisionError:
    sys.excepthook(*sys.exc_info())
sys.stderr = io.StringIO()
try:
    {}[1]
except KeyError:
    sys.__excepthook__(*sys.exc_info())
print(sys.stderr.getvalue())
sys.stderr = sys.__stderr__
print(hasattr(sys, "last_type"))
