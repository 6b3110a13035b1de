"""What a child writes comes before what is still in our buffer."""

import os
import subprocess

print("Content-Type: text/plain\n", flush=True)
print("pending")
subprocess.run(["echo", "by run"])
os.system("echo by system")
subprocess.call("echo by call; echo twice", shell=True)
print("end")
