#!/usr/bin/env python3
import cgi, io, sys

sys.stdin = io.TextIOWrapper(sys.stdin.detach(), encoding="cp1252")
print("Content-Type: text/plain\n")
print(ascii(sys.stdin.read(4)))
try:
    sys.__stdin__.read()
except ValueError as e:
    print(e)
form = cgi.FieldStorage(fp=io.BytesIO(b"a=1"), environ={"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "3", "CONTENT_TYPE": "application/x-www-form-urlencoded"})
print(form.getvalue("a"), ascii(sys.stdin.read()))
