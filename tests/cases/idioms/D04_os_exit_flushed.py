#!/usr/bin/env python3
import atexit, os, sys

atexit.register(print, "never at exit")
print("Content-Type: text/plain\n\nkept", flush=True)
print("lost")
try:
    os._exit(5)
finally:
    print("never finally", flush=True)
