#!/usr/bin/env python3
import os, sys

print("Content-Type: text/plain\n")
print(ascii(os.environ["PATH_INFO"]), ascii(os.environ["PATH_TRANSLATED"][-8:]))
print(ascii(os.environ["QUERY_STRING"]), ascii(os.environ.get("HTTP_X_NAME")))
print(os.fsencode(os.environ["PATH_INFO"]), sys.getfilesystemencoding())
print(os.environ["PATH_INFO"])
