"""No path of another run is left."""

import os
import sys

print("Content-Type: text/plain\n")
print([p for p in sys.path if "E07_lib" in p or p == ""], sys.path[0] == os.getcwd())
for name in ("E07_tool", "E07_zipped", "E07_here"):
    try:
        __import__(name)
    except ImportError as exc:
        print(exc)
import E07_sibling
import wave

print(E07_sibling.word, hasattr(wave, "open"))
print([n for n in sorted(sys.modules) if n.startswith("E07")])
