#!/usr/bin/env python3
import os, sys, threading

class Loud:
    def __del__(self):
        print("never __del__", flush=True)

loud = Loud()
print("Content-Type: text/plain\n", flush=True)
threading.Thread(target=lambda: threading.Event().wait(0.01)).start()

def leave(code):
    try:
        os._exit(code)
    except BaseException:
        print("never caught", flush=True)

leave(0)
print("never reached", flush=True)
