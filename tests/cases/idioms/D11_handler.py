#!/usr/bin/env python3
import cgitb, sys

print("Content-Type: text/plain\n")
try:
    int("x")
except ValueError:
    cgitb.Hook(format="text").handle()
try:
    [][1]
except IndexError:
    cgitb.Hook(format="text", file=sys.stderr).handle()
print("goes on")
