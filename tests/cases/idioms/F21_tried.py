import fcntl
import os

print("Content-Type: text/plain\n")
kind = os.environ["QUERY_STRING"]
with open("F21_held." + kind, "a") as f:
    try:
        getattr(fcntl, kind)(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("free")
    except OSError as exc:
        print(exc)
