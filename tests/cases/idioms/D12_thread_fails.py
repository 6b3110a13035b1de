#!/usr/bin/env python3
import threading

print("Content-Type: text/plain\n")

def work():
    raise ValueError("in thread")

t = threading.Thread(target=work, name="worker-1")
t.start()
t.join()
print("main goes on")
