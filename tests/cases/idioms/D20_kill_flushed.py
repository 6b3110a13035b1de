#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n\nkept", flush=True)
os.kill(os.getpid(), 9)
print("never")
