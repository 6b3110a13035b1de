#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n")
print("done")
sys.stdout.close()
try:
    print("more")
except ValueError as e:
    sys.stderr.write("%s\n" % e)
with open(os.environ["QUERY_STRING"] + "0") as gate:
    gate.readline()
with open(os.environ["QUERY_STRING"] + "told", "w") as f:
    f.write("worked")
