"""The older ways to start a program, which fork."""

import os

print("Content-Type: text/plain\n", flush=True)
print(os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "echo spawned; exit 2"), flush=True)
pid = os.spawnvp(os.P_NOWAIT, "echo", ["echo", "not waited for"])
print(os.waitpid(pid, 0) == (pid, 0), flush=True)
