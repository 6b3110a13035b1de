#!/usr/bin/env python3
import os

print("Status: 303 See Other")
print("Location: %s?done=1" % os.environ["SCRIPT_NAME"])
print("Content-Type: text/html")
print()
print("<a href='?done=1'>on</a>")
