"""A helper beside the script, in the usual spellings."""

import sys

import E04_helper
import E04_helper as short
from E04_helper import greet
from E04_helper import *

print("Content-Type: text/plain\n")
print(greet("a"), short.greet("b"), shout("c"))
print(E04_helper.__name__, E04_helper.__file__, E04_helper.__package__ == "")
print(sys.modules["E04_helper"] is E04_helper, "E04_helper" in sys.modules)
print(type(E04_helper.__spec__).__name__, E04_helper.__spec__.origin)
print(repr(E04_helper))
