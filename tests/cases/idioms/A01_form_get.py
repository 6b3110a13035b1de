#!/usr/bin/env python3
import cgi

form = cgi.FieldStorage()
print("Content-Type: text/plain; charset=utf-8\n")
print(form.getfirst("name", "nobody"), form.getlist("x"))
print("name" in form, len(form), sorted(form.keys()))
