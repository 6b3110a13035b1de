#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n")
sys.stdout.flush()
print(os.write(1, b"raw\n"), os.write(sys.stdout.fileno(), b"raw too\n"), flush=True)
os.write(2, b"raw error\n")
print("text behind")
