import subprocess
import sys

print("Content-Type: text/plain\n")
sys.stdout.flush()
subprocess.run(["tr", "a-z", "A-Z"], stdin=sys.stdin)
print("\nrest", repr(sys.stdin.read()))
