#!/usr/bin/env python3
print("""
Content-Type: text/html

<html></html>""")
