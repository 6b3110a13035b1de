"""The content, given to a child in the way that the query names."""

import os
import subprocess
import sys

print("Content-Type: text/plain\n", flush=True)
kind = os.environ["QUERY_STRING"]
if kind == "fd":
    subprocess.run(["wc", "-c"], stdin=0)
elif kind == "buffer":
    subprocess.run(["wc", "-c"], stdin=sys.stdin.buffer)
elif kind == "system":
    os.system("wc -c")
elif kind == "inherited":
    subprocess.run(["wc", "-c"])
elif kind == "input":
    subprocess.run(["wc", "-c"], input=sys.stdin.buffer.read())
elif kind == "popen":
    with os.popen("wc -c", "w") as pipe:
        pipe.write(sys.stdin.read())
elif kind == "devnull":
    subprocess.run(["wc", "-c"], stdin=subprocess.DEVNULL)
    print(len(sys.stdin.buffer.read()))
elif kind == "pipe":
    p = subprocess.Popen(["wc", "-c"], stdin=subprocess.PIPE)
    p.communicate(sys.stdin.buffer.read())
