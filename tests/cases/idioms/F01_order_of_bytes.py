"""Text, bytes, file descriptors and children, each flushed."""

import os
import subprocess
import sys

print("Content-Type: text/plain\n", flush=True)
for n in range(3):
    print("text", n, flush=True)
    sys.stdout.buffer.write(b"bytes %d\n" % n)
    sys.stdout.buffer.flush()
    os.write(1, b"write %d\n" % n)
    subprocess.run(["echo", "child %d" % n])
    os.write(sys.stdout.fileno(), b"fileno %d\n" % n)
