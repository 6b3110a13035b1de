"""Locks of POSIX: between files of one process they never block."""

import fcntl
import os

print("Content-Type: text/plain\n")
name = "F21_posix." + os.environ["QUERY_STRING"]
one, two = open(name, "w"), open(name, "a")
fcntl.lockf(one, fcntl.LOCK_EX)
fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
fcntl.lockf(one, fcntl.LOCK_UN)
print("one process has them all")
os.remove(name)
