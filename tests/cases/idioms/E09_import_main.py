import sys

import __main__
import E09_helper

word = "of the script"
print("Content-Type: text/plain\n")
print(__main__.word, __main__.__dict__ is globals(), vars(__main__) is globals())
__main__.added = 5
print(added, sys.modules["__main__"].added, hasattr(__main__, "missing"))
print(__main__.__name__, __main__.__file__ == __file__, E09_helper.read())
from __main__ import word as same

print(same, "word" in dir(__main__), getattr(__main__, "nothing", "default"))
del __main__.added
try:
    added
except NameError as exc:
    print(exc)
print(repr(__main__))
