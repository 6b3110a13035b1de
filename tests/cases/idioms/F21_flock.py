import fcntl
import os

print("Content-Type: text/plain\n")
name = "F21_lock." + os.environ["QUERY_STRING"]
one, two = open(name, "w"), open(name, "a")
fcntl.flock(one, fcntl.LOCK_EX)
try:
    fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError as exc:
    print(exc)
fcntl.flock(one, fcntl.LOCK_UN)
fcntl.flock(two, fcntl.LOCK_SH | fcntl.LOCK_NB)
fcntl.flock(one, fcntl.LOCK_SH | fcntl.LOCK_NB)
print("both")
os.remove(name)
