#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n")
print("done")
sys.stdout.flush()
null = os.open(os.devnull, os.O_RDWR)
os.dup2(null, 1)
os.dup2(null, 2)
print("nobody reads this", flush=True)
with open(os.environ["QUERY_STRING"] + "0") as gate:
    gate.readline()
with open(os.environ["QUERY_STRING"] + "told", "w") as f:
    f.write("worked")
