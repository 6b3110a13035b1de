"""Programs are found on the script's own PATH, and modules of it too."""

import os
import shutil
import stat
import subprocess

print("Content-Type: text/plain\n")
folder = os.path.abspath("F03_bin." + os.environ["QUERY_STRING"])
os.mkdir(folder)
tool = os.path.join(folder, "F03_tool")
with open(tool, "w") as f:
    f.write("#!/bin/sh\necho tool of our own $1\n")
os.chmod(tool, 0o755)
try:
    subprocess.run(["F03_tool"])
except FileNotFoundError as exc:
    print(exc)
os.environ["PATH"] = folder + os.pathsep + os.environ["PATH"]
print(subprocess.check_output(["F03_tool", "a"]).decode(), end="")
print(os.popen("F03_tool b").read(), end="")
print(shutil.which("F03_tool") == tool)
print(os.get_exec_path()[0] == folder)
shutil.rmtree(folder)
