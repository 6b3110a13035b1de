#!/usr/bin/env python3
print("""Content-Type: text/html

<html><body>%s</body></html>""" % "block")
