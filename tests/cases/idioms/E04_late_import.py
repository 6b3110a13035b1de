"""Imports in functions, in threads, and of what the script has just written."""

import os
import threading

import E04_helper

print("Content-Type: text/plain\n")
print(E04_helper.late())
found = []


def work():
    import E04_pkg.deep.leaf

    found.append(E04_pkg.deep.leaf.up())


threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(found)
name = "E04_written_" + os.environ["QUERY_STRING"]
try:
    __import__(name)
except ImportError as exc:
    print("not yet", exc.name == name)
with open(name + ".py", "w") as f:
    f.write("word = 'written by the script'\n")
import importlib

importlib.invalidate_caches()
try:
    print(__import__(name).word)
finally:
    os.remove(name + ".py")
