"""A handler is called when the script sends the signal to itself."""

import os
import signal
import sys

print("Content-Type: text/plain\n")
signal.signal(signal.SIGUSR1, lambda n, f: print("handled", n == signal.SIGUSR1))
os.kill(os.getpid(), signal.SIGUSR1)
print("after kill")
signal.raise_signal(signal.SIGUSR1)
print("after raise_signal", flush=True)
signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))
os.kill(os.getpid(), signal.SIGTERM)
print("never")
