"""Nobody handles it: that ends the process, and what is in its buffers."""

import signal
import time

print("Content-Type: text/plain\n")
print("flushed", flush=True)
print("lost")
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    time.sleep(20)
finally:
    print("not even this", flush=True)
