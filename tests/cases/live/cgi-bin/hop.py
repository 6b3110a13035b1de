#!/usr/bin/env python3
"""Redirect locally to ourselves, as often as the query says; then say how often."""

import os

left = int(os.environ["QUERY_STRING"])
if left > 0:
    print(f"Location: /cgi-bin/hop.py?{left - 1}\n")
else:
    print("Content-Type: text/plain\n\narrived")
