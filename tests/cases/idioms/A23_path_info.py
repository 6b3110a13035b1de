#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n")
parts = os.environ.get("PATH_INFO", "").strip("/").split("/")
print(parts, os.environ.get("PATH_INFO"), os.environ.get("PATH_INFO", "").split("/"))
pages = {"": "index", "show": "show %s"}
print(pages.get(parts[0], "no such page"))
