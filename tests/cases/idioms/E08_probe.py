import os
import sys

print("Content-Type: text/plain\n")
print([p for p in sys.path if "E08" in p], "VIRTUAL_ENV" in os.environ)
print(hasattr(sys, "real_prefix"), "E08" in sys.prefix)
for name in ("E08_installed", "E08_linked"):
    try:
        __import__(name)
    except ImportError as exc:
        print(exc)
