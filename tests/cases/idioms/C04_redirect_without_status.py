#!/usr/bin/env python3
import cgi

url = cgi.FieldStorage().getfirst("to", "https://example.org/")
print("Content-Type: text/html")
print("Location: " + url)
print()
print('<meta http-equiv="refresh" content="0;url=%s">' % url)
