#!/usr/bin/env python3
import os, signal, sys

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
print("Content-Type: text/plain\n", flush=True)
print("page")
print(signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL)
