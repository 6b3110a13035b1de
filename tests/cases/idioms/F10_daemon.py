"""A daemon that would print as soon as the next run lets it."""

import os
import threading
import time

print("Content-Type: text/plain\n")
name = "F10_go." + os.environ["QUERY_STRING"]


def late():
    started.set()
    deadline = time.time() + 5
    while not os.path.exists(name) and time.time() < deadline:
        time.sleep(0.005)
    print("LEAKED")


started = threading.Event()
t = threading.Thread(target=late, daemon=True)
t.start()
started.wait()
print("end", t.daemon, t.is_alive())
