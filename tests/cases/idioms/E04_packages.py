"""Packages: relative imports, star, sub-packages, cycles, data."""

import pkgutil
import sys

import E04_pkg
import E04_pkg.deep.leaf
import E04_pkg.deep.leaf as leaf
from E04_pkg import first, second
from E04_pkg.deep import *
from E04_space import inside

print("Content-Type: text/plain\n")
print(E04_pkg.version, E04_pkg.first is first, first.name, second.name)
print(leaf.up(), leaf.__package__, leaf is E04_pkg.deep.leaf)
print(sorted(name for name in globals() if name.startswith("star")))
print(first.partner() is second, second.partner() is first)
print([m.name for m in pkgutil.iter_modules(E04_pkg.__path__)])
print([m.name for m in pkgutil.walk_packages(E04_pkg.__path__, "E04_pkg.")])
print(pkgutil.get_data("E04_pkg", "data.txt"))
print(inside.word, inside.__name__)
print(sorted(n for n in sys.modules if n.startswith("E04_")))
