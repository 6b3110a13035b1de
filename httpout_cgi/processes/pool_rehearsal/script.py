"""What most scripts do, in little: its output goes nowhere."""

import importlib
import os
import sys
from html import escape
from urllib.parse import parse_qs

part = importlib.import_module("part")  # a local one

print("Content-Type: text/html; charset=utf-8")
print()
part.begin("Rehearsal")
for name, value in sorted(os.environ.items()):
    shown = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    print(f"<tr><th>{escape(name)}</th><td>{escape(shown)}</td></tr>")
for name, values in parse_qs(os.environ.get("QUERY_STRING", "")).items():
    sys.stdout.write("".join(["<p>", escape(name), ": ", *values, "</p>\n"]))
part.end()
