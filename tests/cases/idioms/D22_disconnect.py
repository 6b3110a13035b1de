#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n", flush=True)
print("first", flush=True)
open(os.environ["QUERY_STRING"] + "0").readline()

def told(text):
    with open(os.environ["QUERY_STRING"] + "told", "w") as f:
        f.write(text)

try:
    for i in range(10000000):
        print("more " * 100, flush=True)
    told("not noticed")
except BrokenPipeError as e:
    try:
        print("again", flush=True)
    except BrokenPipeError:
        told("BrokenPipeError twice %s" % e.strerror)
