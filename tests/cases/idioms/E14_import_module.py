"""Plugins by name."""

import importlib
import importlib.util
import os
import sys

print("Content-Type: text/plain\n")
for name in os.environ["QUERY_STRING"].split(","):
    try:
        plugin = importlib.import_module("E14_plug." + name)
        print(name, plugin.run(), plugin is sys.modules["E14_plug." + name])
    except ImportError as exc:
        print(exc)
relative = importlib.import_module(".one", "E14_plug")
print(relative.run(), relative is __import__("E14_plug.one").one)
print(__import__("E14_plug.two", fromlist=["run"]).run())
print(importlib.util.find_spec("E14_plug").origin)
print(importlib.util.find_spec("E14_plug.one").name, importlib.util.find_spec("E14_no"))
