"""What the script has read, the child does not see: buffers included."""

import os
import subprocess
import sys

print("Content-Type: text/plain\n", flush=True)
print(repr(sys.stdin.readline()), flush=True)
subprocess.run(["wc", "-c"])
