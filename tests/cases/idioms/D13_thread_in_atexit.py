#!/usr/bin/env python3
import atexit, threading

print("Content-Type: text/plain\n")

def last():
    try:
        t = threading.Thread(target=print, args=("thread at exit",))
        t.start()
        t.join()
    except RuntimeError as e:
        print("RuntimeError", e)
    print("last")

atexit.register(last)
