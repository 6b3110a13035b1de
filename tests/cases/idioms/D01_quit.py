#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n")
print(exit, quit)
how = {"exit": exit, "quit": quit, "exit0": lambda: exit(0), "none": lambda: exit(None)}
how[os.environ["QUERY_STRING"]]()
print("never")
