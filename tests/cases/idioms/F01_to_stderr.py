import os
import subprocess
import sys

print("Content-Type: text/plain\n")
print("first line", file=sys.stderr)
subprocess.run(["sh", "-c", "echo second line >&2"])
os.system("echo third line >&2")
print("last line", file=sys.stderr)
print("end")
