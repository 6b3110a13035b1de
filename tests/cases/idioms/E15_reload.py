import importlib

import E15_counted
import E15_pkg.part

print("Content-Type: text/plain\n")
before = E15_counted
E15_counted.kept = "kept"
print(E15_counted.count)
again = importlib.reload(E15_counted)
print(again is before, E15_counted.count, E15_counted.kept)
E15_pkg.part.word = "changed"
print(importlib.reload(E15_pkg.part).word, importlib.reload(E15_pkg).part.word)
try:
    importlib.reload("E15_counted")
except TypeError as exc:
    print(exc)
