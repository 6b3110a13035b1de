#!/usr/bin/env python3
import cgitb
cgitb.enable(format="text")
print("Content-Type: text/plain\n")
import idiom_broken
