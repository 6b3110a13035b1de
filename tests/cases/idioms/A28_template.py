#!/usr/bin/env python3
import os

tpl = os.path.join(os.environ["DOCUMENT_ROOT"], "tpl.html")
print("Content-Type: text/html\n")
with open(tpl) as template:
    print(template.read() % {"name": os.environ["SCRIPT_NAME"]}, end="")
print(os.path.basename(os.environ["SCRIPT_FILENAME"]), repr(os.environ["SERVER_ADMIN"]))
print(os.environ["SCRIPT_FILENAME"] == os.path.abspath(__file__), os.environ["SERVER_SOFTWARE"])
