"""The handler ends the script."""

import signal
import sys
import time

print("Content-Type: text/plain\n")
print("before")
signal.signal(signal.SIGALRM, lambda *a: sys.exit("too slow"))
try:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    while True:
        time.sleep(0.01)
finally:
    print("finally")
