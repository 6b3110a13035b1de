#!/usr/bin/env python3
import os, sys, urllib.parse

if os.environ["REQUEST_METHOD"] == "POST":
    size = int(os.environ.get("CONTENT_LENGTH", 0))
    form = urllib.parse.parse_qs(sys.stdin.read(size))
else:
    form = {}
print("Content-Type: text/plain\n")
for name in sorted(form):
    print("%s=%s" % (name, ",".join(form[name])))
print("[%s]" % sys.stdin.read())
