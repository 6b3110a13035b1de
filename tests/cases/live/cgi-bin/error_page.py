#!/usr/bin/env python3
"""The site's error page for 403: tell which page led here."""

import os

print("Content-Type: text/plain\n")
for name in ("REDIRECT_STATUS", "REDIRECT_URL", "REQUEST_METHOD", "REQUEST_URI"):
    print(name, os.environ.get(name), sep="=")
for name in ("REDIRECT_QUERY_STRING", "QUERY_STRING", "CONTENT_LENGTH"):
    print(name, os.environ.get(name), sep="=")
