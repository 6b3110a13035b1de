#!/usr/bin/env python3
import cgitb

print("Content-Type: text/html\n")
print("<p>before</p>")
print(cgitb.reset())
