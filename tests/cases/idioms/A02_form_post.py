#!/usr/bin/env python3
import cgi
import sys

f = cgi.FieldStorage()
print("Content-Type: text/plain; charset=utf-8\n")
print(sorted((k, f.getlist(k)) for k in f))
print(repr(f.getvalue("empty")), repr(sys.stdin.buffer.read()))
