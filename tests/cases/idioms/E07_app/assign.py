"""A new list, and what it no longer has."""

import os
import sys

before = sys.path
sys.path = [os.path.abspath("../E07_lib")] + [p for p in sys.path if p != os.getcwd()]
import E07_tool

print("Content-Type: text/plain\n")
print(E07_tool.word, before is not sys.path)
try:
    import E07_only_sibling
except ImportError as exc:
    print(exc)
sys.path[:] = before
import E07_only_sibling

print(E07_only_sibling.word)
