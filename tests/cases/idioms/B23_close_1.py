#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n")
print("done")
sys.stdout.flush()
os.close(1)
os.close(2)
with open(os.environ["QUERY_STRING"] + "0") as gate:
    gate.readline()
with open(os.environ["QUERY_STRING"] + "told", "w") as f:
    f.write("worked")
