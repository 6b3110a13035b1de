"""A working directory that is deleted."""

import os

print("Content-Type: text/plain\n", flush=True)
name = "F19_folder." + os.environ["QUERY_STRING"]
os.mkdir(name)
os.chdir(name)
os.rmdir(os.path.join(os.path.dirname(__file__), name))
try:
    os.getcwd()
except OSError as exc:
    print(exc)
