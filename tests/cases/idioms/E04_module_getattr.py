"""Modules with __getattr__ and __dir__, and one that replaces itself."""

import E04_dynamic
import E04_replaced

print("Content-Type: text/plain\n")
print(E04_dynamic.anything, dir(E04_dynamic))
print(type(E04_replaced).__name__, E04_replaced.word)
from E04_dynamic import something
from E04_replaced import word

print(something, word)
