#!/usr/bin/env python3
import cgitb
cgitb.enable()
print("Content-Type: text/html\n")
fail
