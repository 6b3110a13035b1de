#!/usr/bin/env python3
import cgitb

print("Content-Type: text/html\n")
try:
    int("x")
except ValueError:
    cgitb.handler()
print("goes on")
