#!/usr/bin/env python3
import cgi

print("Content-Type: text/plain\n")
print(cgi.maxlen)
