#!/usr/bin/env python3
import cgi

form = cgi.FieldStorage()
print("Location: http://h/" + form.getvalue("next") + "\n")
