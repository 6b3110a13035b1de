#!/usr/bin/env python3
import atexit, threading

print("Content-Type: text/plain\n")
main_done = threading.Event()
atexit.register(print, "3 at exit")

def work():
    main_done.wait()
    print("2 thread")
    atexit.register(print, "registered by the thread")

threading.Thread(target=work).start()
print("1 main")
main_done.set()
