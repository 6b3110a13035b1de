#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n", flush=True)
for i in range(3):
    print("step %d." % i, flush=True)
    with open(os.environ["QUERY_STRING"] + str(i)) as gate:
        gate.readline()
print("done")
