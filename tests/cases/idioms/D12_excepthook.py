#!/usr/bin/env python3
import sys

def myhook(kind, value, trace):
    print("<pre>sorry: %s %s line %d</pre>" % (kind.__name__, value, trace.tb_lineno))

print("Content-Type: text/html\n")
sys.excepthook = myhook
raise RuntimeError("broken")
