#!/usr/bin/env python3
from http.cookies import SimpleCookie

c = SimpleCookie({"a": "1", "b": "x y", "c": "\xe9"})
c["a"]["expires"] = 0
c["a"]["expires"] = "Thu, 01 Jan 1970 00:00:00 GMT"
c["b"]["samesite"] = "Lax"
print(c.output())
print("Content-Type: text/html")
print()
print(c.js_output().count("document.cookie"))
