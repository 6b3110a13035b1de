#!/usr/bin/env python3
import cgi, io, os, contextlib

for name in ("HTTP_X_ROW", "UNIQUE_ID", "REMOTE_PORT", "LC_CTYPE"):
    os.environ.pop(name, None)
cgi.test()
