import os
import subprocess

print("Content-Type: text/plain\n", flush=True)
subprocess.run("umask", shell=True)
mask = os.umask(0)
os.umask(mask)
print(oct(mask))
