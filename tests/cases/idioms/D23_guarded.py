#!/usr/bin/env python3
import signal, sys

try:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
except (AttributeError, ValueError):
    print("X-Trouble: no signals")
old = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
print("Content-Type: text/plain\n")
print(old == signal.SIG_DFL, signal.signal(signal.SIGPIPE, old) == signal.SIG_IGN)
