"""A child has exactly the variables of the script."""

import os
import subprocess

print("Content-Type: text/plain\n")
os.environ["ODD\udcff"] = "\udcfe"
out = subprocess.run(["env", "-0"], capture_output=True).stdout
names = {item.partition(b"=")[0] for item in out.split(b"\0") if item}
print(names ^ set(os.environb))
print(sorted(name for name in names if name.startswith((b"ODD", b"SCRIPT", b"QUERY"))))
os.environ.clear()
os.environ["ONLY"] = "one"
print(subprocess.run(["/usr/bin/env"], capture_output=True).stdout)
print(os.popen("/usr/bin/env | grep -v ^PWD= | grep -v ^_= | grep -v ^SHLVL=").read(), end="")
print(subprocess.run(["/usr/bin/env"], env={"A": "b"}, capture_output=True).stdout)
