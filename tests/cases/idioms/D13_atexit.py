#!/usr/bin/env python3
import atexit, sys

atexit.register(lambda: print("<!-- bye -->"))
print("Content-Type: text/html\n")
print("<p>page</p>")

@atexit.register
def cleanup():
    print("cleanup", sys.stdout.closed)

def fail():
    raise ValueError("at exit")

atexit.register(fail)
atexit.register(print, "arguments", 1, sep="=", file=sys.stdout)
once = atexit.register(print, "unregistered")
atexit.unregister(print)
