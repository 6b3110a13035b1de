#!/usr/bin/env python3
import os, sys

print("Content-Type: text/event-stream\nCache-Control: no-cache\n", flush=True)
print("data: first\n", flush=True)
open(os.environ["QUERY_STRING"] + "0").readline()
try:
    while True:
        print("data: x\n", flush=True)
except BrokenPipeError as e:
    with open(os.environ["QUERY_STRING"] + "told", "w") as f:
        f.write("BrokenPipeError %d" % e.errno)
    raise SystemExit(0)
