#!/usr/bin/env python3
# Before FieldStorage had nice methods, and after it was deprecated.
import cgi, os
from urllib.parse import parse_qs, parse_qsl

print("Content-Type: text/plain\n")
print(sorted(cgi.parse().items()))
query = os.environ["QUERY_STRING"]
print(parse_qs(query), parse_qsl(query, keep_blank_values=True))
form = cgi.FieldStorage(environ=os.environ, keep_blank_values=1)
for key in sorted(form.keys()):
    print(key, form.getvalue(key))
print(dict(cgi.FieldStorage(environ={"REQUEST_METHOD": "GET", "QUERY_STRING": "own=1"}).__dict__)["list"])
