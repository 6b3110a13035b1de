#!/usr/bin/env python3
# What cgitb prints first, to leave whatever the page was in the middle of.
import cgitb

print(cgitb.reset())
print("Content-Type: text/html\n")
print("<p>behind the reset</p>")
