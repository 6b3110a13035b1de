#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n")
print("OWN" in os.environ)
saved = dict(os.environ)
os.environ = {"OWN": "yes", "PATH": "/bin"}
print(os.environ["OWN"], os.getenv("PATH"), len(os.environ))
os.environ = saved
print(os.environ["REQUEST_METHOD"], "OWN" in os.environ)
