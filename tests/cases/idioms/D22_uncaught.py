#!/usr/bin/env python3
import atexit, os, sys

prefix = os.environ["QUERY_STRING"]

@atexit.register
def told():
    with open(prefix + "told", "w") as f:
        f.write("at exit")

print("Content-Type: text/plain\n", flush=True)
print("first", flush=True)
open(prefix + "0").readline()
while True:
    sys.stdout.buffer.write(b"x" * 65536)
