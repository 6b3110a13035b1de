"""More than a pipe holds, from a child and from the script."""

import subprocess
import sys

print("Content-Type: text/plain\n", flush=True)
for n in range(2):
    sys.stdout.write("x" * 100000 + "\n")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", "print('y' * 200000)"])
