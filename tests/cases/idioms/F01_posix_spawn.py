import os

print("Content-Type: text/plain\n", flush=True)
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "echo posix $X"], {"X": "spawn"})
print(os.waitpid(pid, 0)[1], flush=True)
pid = os.posix_spawnp("echo", ["echo", "found on the path"], os.environ)
print(os.waitpid(pid, 0)[1])
