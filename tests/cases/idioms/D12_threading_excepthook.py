#!/usr/bin/env python3
import threading, sys

print("Content-Type: text/plain\n")
threading.excepthook = lambda args: print("thread failed:", args.exc_type.__name__, args.exc_value)

def work():
    raise ValueError("in thread")

t = threading.Thread(target=work)
t.start()
t.join()
print("main goes on")
