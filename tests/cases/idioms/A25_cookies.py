#!/usr/bin/env python3
import os
from http import cookies

c = cookies.SimpleCookie(os.environ.get("HTTP_COOKIE"))
print("Content-Type: text/plain\n")
print(os.environ.get("HTTP_COOKIE"))
for name in sorted(c):
    print(name, c[name].value)
