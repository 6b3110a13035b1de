import subprocess
import sys

print("Content-Type: text/plain\n")
sys.stdout.flush()
p = subprocess.Popen(["sh", "-c", "echo one; echo two >&2; exit 3"])
print("code", p.wait())
sys.stdout.flush()
subprocess.run(["echo", "to sys.stdout"], stdout=sys.stdout)
subprocess.run(["sh", "-c", "echo to stderr >&2"], stderr=sys.stdout)
subprocess.run(["sh", "-c", "echo both; echo of them >&2"], stderr=subprocess.STDOUT)
subprocess.run(["echo", "to fd 1"], stdout=1)
subprocess.run(["echo", "to the buffer"], stdout=sys.stdout.buffer)
subprocess.run(["echo", "to fileno"], stdout=sys.stdout.fileno())
print("end")
