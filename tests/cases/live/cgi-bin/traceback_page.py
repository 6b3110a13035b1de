#!/usr/bin/env python3
"""Fail as those scripts do that show their tracebacks to the browser."""

import cgitb

cgitb.enable()
print("Content-Type: text/html\n")
raise ZeroDivisionError
