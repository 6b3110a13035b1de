#!/usr/bin/env python3
import sys, threading

print("Content-Type: text/plain\n")

def work():
    print("in thread")
    sys.exit(3)

t = threading.Thread(target=work)
t.start()
t.join()
print("after the thread")
