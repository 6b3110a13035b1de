"""The response ends when the job has ended, for it has our standard output."""

import subprocess

print("Content-Type: text/plain\n", flush=True)
subprocess.Popen(["sh", "-c", "sleep 0.3; echo late"])
print("script ends", flush=True)
