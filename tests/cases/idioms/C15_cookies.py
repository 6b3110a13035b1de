#!/usr/bin/env python3
from http import cookies

c = cookies.SimpleCookie(); c["sid"] = "1"; c["sid"]["path"] = "/"
print(c); print("Content-Type: text/html\n")
