#!/usr/bin/env python3
# As the documentation of cgi had it.
import sys, traceback

sys.stderr = sys.stdout
print("Content-Type: text/html")
print()
print("\n\n<PRE>")

def main():
    raise LookupError("caf\xe9")

main()
