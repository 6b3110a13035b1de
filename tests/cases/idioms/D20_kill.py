#!/usr/bin/env python3
import os, signal

print("Content-Type: text/plain\n\nlost")
os.kill(os.getpid(), signal.SIGKILL)
