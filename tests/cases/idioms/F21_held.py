"""Hold locks of both kinds until the gate opens."""

import fcntl
import os

print("Content-Type: text/plain\n", flush=True)
with open("F21_held.flock", "w") as one, open("F21_held.lockf", "w") as two:
    fcntl.flock(one, fcntl.LOCK_EX)
    fcntl.lockf(two, fcntl.LOCK_EX)
    print("locked", flush=True)
    open(os.environ["QUERY_STRING"] + "0").readline()
print("released")
