"""All probes in one run: each tells what a process of its own would tell."""

import glob
import os

print("Content-Type: text/plain\n")
print([n for n in ("A", "ADDED", "APP_ENV", "B", "BY_THREAD", "MINE", "OWN", "PUT") if n in os.environ])
print("QUERY_STRING" in os.environ, "REQUEST_METHOD" in os.environ, os.environ["PATH"].endswith(":/opt/bin"))
for name in sorted(glob.glob("[A-H]??_probe.py")):
    # It waits for a daemon of another run.
    if name != "F10_probe.py":
        print(name)
        with open(name, "rb") as f:
            code = compile(f.read(), name, "exec")
        exec(code, {"__name__": "__main__", "__file__": __file__})
